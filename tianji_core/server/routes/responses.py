"""`/v1/responses/{id}` and what lies below it: answers that are kept, asked for again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tianji_core.api.errors import GatewayError
from tianji_core.api.provider import Body
from tianji_core.server.asgi import EVENT_STREAM, read_json
from tianji_core.server.errors import error_body, error_event
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_dialect_call
from tianji_core.translate.surfaces.responses import RESPONSES

if TYPE_CHECKING:
    from tianji_core.gateway.responses.stored import StoredResponses
    from tianji_core.server.app import App, Serving

PATHS = ("/v1/responses", "/responses", "/openai/v1/responses")

_COUNTS = Doc("How many tokens a Response's prompt has", "ResponseTokens", body="ResponsesBody")
_TELLS = Doc(
    "A Response that is kept",
    "Response",
    query="{ stream?: boolean, starting_after?: integer, include?: string }",
    stream="ResponsesEvent",
)
_DELETES = Doc("Forgets a Response", "{ id: string, object: string, deleted: boolean }")
_CANCELS = Doc("Ends a Response that is being made in the background", "Response")
_LISTS = Doc(
    "What a Response was asked",
    "{ object: string, data: object[], has_more: boolean }",
    query="{ after?: string, limit?: integer, order?: string, include?: string }",
)

Stream = AsyncIterator[bytes]
Work = Callable[["StoredResponses", Request], Awaitable[Body | Stream]]


def routes(app: App) -> list[GuardedRoute]:
    def answered(work: Work) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            serving = app.serving
            try:
                body = await work(serving.gateway.responses.stored, request)
                if not isinstance(body, dict):
                    return await _streamed(body)
            except GatewayError as error:
                return _failed(serving, error)
            return _json(body)

        return endpoint

    async def count(request: Request) -> Response:
        serving, scope = app.serving, request.scope
        headers = dict(scope["headers"])
        try:
            body = await read_json(scope, request.receive, headers, serving.max_request_bytes)
            turn = await serving.gateway.responses.prompt(body, scope["principal"])
            call = turn.begin(read_dialect_call(turn, scope, headers, turn.body, scope["principal"])).call
            tokens = await turn.count(call, serving.gateway.pipeline)
        except GatewayError as error:
            return _failed(serving, error)
        return _json({"object": "response.input_tokens", "input_tokens": tokens})

    found = []
    for base in PATHS:
        found.append(route(f"{base}/input_tokens", count, Permission.CALL_MODELS, methods=["POST"], doc=_COUNTS))
        one = base + "/{response_id}"
        for method, path, work, doc in (
            ("GET", one, _get, _TELLS),
            ("DELETE", one, _delete, _DELETES),
            ("POST", one + "/cancel", _cancel, _CANCELS),
            ("GET", one + "/input_items", _input_items, _LISTS),
        ):
            found.append(route(path, answered(work), Permission.CALL_MODELS, methods=[method], doc=doc))
    return found


async def _get(stored: StoredResponses, request: Request) -> Body | Stream:
    if request.query_params.get("stream", "").lower() in ("true", "1"):
        return await stored.stream(request.path_params["response_id"], request.scope["principal"], _query(request))
    return await stored.get(request.path_params["response_id"], request.scope["principal"], _query(request))


async def _delete(stored: StoredResponses, request: Request) -> Body:
    return await stored.delete(request.path_params["response_id"], request.scope["principal"])


async def _cancel(stored: StoredResponses, request: Request) -> Body:
    return await stored.cancel(request.path_params["response_id"], request.scope["principal"])


async def _input_items(stored: StoredResponses, request: Request) -> Body:
    return await stored.input_items(request.path_params["response_id"], request.scope["principal"], _query(request))


async def _streamed(pieces: Stream) -> Response:
    """A stream that has begun; what fails before its first piece is a plain error."""
    first = await anext(pieces, b"")

    async def whole() -> Stream:
        yield first
        try:
            async for piece in pieces:
                yield piece
        except GatewayError as error:
            yield error_event(error, RESPONSES.name)

    fields = {name.decode(): value.decode() for name, value in EVENT_STREAM}
    return StreamingResponse(whole(), headers=fields)


def _query(request: Request) -> list[tuple[str, str]]:
    return request.query_params.multi_items()


def _failed(serving: Serving, error: GatewayError) -> Response:
    return _json(error_body(error, RESPONSES.name), error.http_status, dict(serving.headers.error_fields(error, None)))


def _json(body: Body, status: int = 200, fields: dict[bytes, bytes] | None = None) -> Response:
    headers = {name.decode(): value.decode("latin-1") for name, value in (fields or {}).items()}
    return Response(orjson.dumps(body), status, headers, media_type="application/json")
