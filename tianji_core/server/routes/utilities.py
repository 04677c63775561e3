"""`/utils/token_counter` and `/utils/transform_request`: what a call would cost, and what it would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.accounting import tokenizer_of
from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body, Operation
from tianji_core.gateway.call import Call
from tianji_core.gateway.prompt_tokens import PromptCount, count_here, count_prompt
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_call, read_dialect_call, read_object
from tianji_core.translate.surfaces.contract import Surface
from tianji_core.translate.surfaces.messages import MESSAGES
from tianji_core.translate.surfaces.responses import RESPONSES

if TYPE_CHECKING:
    from tianji_core.server.app import App

OPERATIONS: dict[str, Operation] = {
    "completion": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "image_generation": "images",
    "moderation": "moderations",
    "rerank": "rerank",
    "speech": "speech",
}
"""The reference's words for calls; each may have an `a` in front, as its asynchronous functions have."""
SURFACES: dict[str, Surface] = {"anthropic_messages": MESSAGES, "responses": RESPONSES}


def routes(app: App) -> list[GuardedRoute]:
    async def body_of(request: Request) -> Body:
        return await read_object(request, app.serving.max_request_bytes)

    async def token_counter(request: Request) -> Response:
        call = _prompt_call(request, await body_of(request))
        models = app.serving.gateway.pipeline.models
        target = models.resolve(call.model)
        if target is None:
            count = await count_here(call, call.model)
        elif request.query_params.get("call_endpoint", "").lower() == "true":
            count = await count_prompt(models, call)
        else:
            count = await count_here(call, target.upstream_model(target.deployments[0]))
        return JSONResponse(_told(call, count))

    async def transform_request(request: Request) -> Response:
        from tianji_core.gateway.preview import preview

        body = await body_of(request)
        shown = preview(app.serving.gateway.pipeline.models, _wanted_call(request, body))
        return JSONResponse(
            {
                "raw_request_api_base": shown.url,
                "raw_request_body": shown.body,
                "raw_request_headers": shown.headers,
            }
        )

    counting = Doc(
        "How many tokens a prompt has",
        "TokenCount",
        body="TokenCountRequest",
        query="{ call_endpoint?: boolean = false }",
    )
    showing = Doc("The vendor request that a call would make", "TransformedRequest", body="TransformRequest")
    return [
        route("/utils/token_counter", token_counter, Permission.CALL_MODELS, methods=["POST"], doc=counting),
        route("/utils/transform_request", transform_request, Permission.ADMIN, methods=["POST"], doc=showing),
    ]


def _prompt_call(request: Request, body: Body) -> Call:
    """The call whose prompt is to be counted: chat in OpenAI's form or Anthropic's, contents of Gemini's, or a text."""
    scope, principal = request.scope, request.scope["principal"]
    asked: Body = {"model": body.get("model")}
    if not isinstance(asked["model"], str):
        raise BadRequestError("Missing required parameter: 'model'.", param="model")
    asked.update((name, body[name]) for name in ("tools", "system") if body.get(name) is not None)
    headers = dict(scope["headers"])
    if body.get("messages") is not None:
        asked["messages"] = body["messages"]
        if not _is_anthropic(asked):
            return read_call("chat", scope, headers, asked, principal)
        call = read_dialect_call(MESSAGES, scope, headers, {**asked, "max_tokens": 1}, principal)
        if call.native is not None:
            del call.native["max_tokens"]
        return call
    if body.get("prompt") is not None:
        return read_call("completions", scope, headers, {"model": asked["model"], "prompt": body["prompt"]}, principal)
    if body.get("contents") is not None:
        said = "\n".join(_texts(body["contents"]))
        return read_call("completions", scope, headers, {"model": asked["model"], "prompt": said}, principal)
    raise BadRequestError("One of messages, prompt or contents is needed.", param="messages")


def _is_anthropic(body: Body) -> bool:
    """Whether a body can only be meant in Anthropic's form."""
    if "system" in body:
        return True
    tools = body.get("tools")
    if isinstance(tools, list) and any(isinstance(tool, dict) and "input_schema" in tool for tool in tools):
        return True
    messages = body["messages"] if isinstance(body["messages"], list) else []
    parts = [m["content"] for m in messages if isinstance(m, dict) and isinstance(m.get("content"), list)]
    kinds = {part.get("type") for content in parts for part in content if isinstance(part, dict)}
    return not kinds.isdisjoint({"tool_use", "tool_result", "image", "document"})


def _texts(contents: Any) -> list[str]:
    """The texts in contents of Gemini's form, whatever else is there."""
    if isinstance(contents, list):
        return [text for each in contents for text in _texts(each)]
    if not isinstance(contents, dict):
        return [contents] if isinstance(contents, str) else []
    found = [contents["text"]] if isinstance(contents.get("text"), str) else []
    return found + _texts(contents.get("parts"))


def _told(call: Call, count: PromptCount) -> Body:
    """The answer in the reference's words."""
    counted = count.source == "provider"
    return {
        "total_tokens": count.tokens,
        "request_model": call.model,
        "model_used": count.model,
        "tokenizer_type": f"{count.provider}_api" if counted else tokenizer_of(count.model),
        "count_source": count.source,
        "original_response": count.answer,
        "error": False,
        "error_message": None,
        "status_code": None,
    }


def _wanted_call(request: Request, body: Body) -> Call:
    """The call that is to be shown. Raises BadRequestError for one that is none, or that comes as a form."""
    kind, asked = body.get("call_type"), body.get("request_body")
    if not isinstance(kind, str) or not isinstance(asked, dict):
        raise BadRequestError("call_type has to be a string, request_body an object.", param="request_body")
    scope, principal = request.scope, request.scope["principal"]
    headers = dict(scope["headers"])
    name = kind.removeprefix("a") if kind.removeprefix("a") in OPERATIONS or kind == "aresponses" else kind
    if name in SURFACES:
        return read_dialect_call(SURFACES[name], scope, headers, asked, principal)
    if name not in OPERATIONS:
        known = ", ".join([*OPERATIONS, *SURFACES])
        raise BadRequestError(f"call_type {kind!r} cannot be shown; those that can are {known}.", param="call_type")
    return read_call(OPERATIONS[name], scope, headers, asked, principal)
