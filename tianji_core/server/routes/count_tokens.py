"""`/v1/messages/count_tokens`: how long a prompt is, for clients that keep watch over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.gateway.prompt_tokens import count_prompt
from tianji_core.server.asgi import json_of, read_body
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import may_name_files, read_dialect_call
from tianji_core.translate.surfaces.messages import MESSAGES

if TYPE_CHECKING:
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    async def count_tokens(request: Request) -> Response:
        scope, headers = request.scope, dict(request.scope["headers"])
        serving = app.serving
        raw = await read_body(scope, request.receive, headers, serving.max_request_bytes)
        body = await json_of(raw)
        if isinstance(body, dict):
            body = {"max_tokens": 1, **body}  # nothing is to be answered here
        call = read_dialect_call(MESSAGES, scope, headers, body, scope["principal"])
        if call.native is not None:
            call.native.pop("max_tokens", None)
        if may_name_files(raw, MESSAGES.name):
            call.kept = serving.gateway.prompt_files()
        count = await count_prompt(serving.gateway.pipeline.models, call)
        return JSONResponse({"input_tokens": count.tokens, "litellm_count_source": count.source})

    doc = Doc("How many tokens a prompt has", "CountTokensAnswer", body="CountTokensRequest", error="MessagesError")
    path = "/v1/messages/count_tokens"
    return [route(path, count_tokens, Permission.CALL_MODELS, methods=["POST"], doc=doc, dialect=MESSAGES.name)]
