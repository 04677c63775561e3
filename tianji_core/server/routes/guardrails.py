"""The guardrails of the config, and their verdict on a text: `/guardrails/list`, `/guardrails/apply_guardrail`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.gateway.guardrails.trial import tried
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object

if TYPE_CHECKING:
    from tianji_core.server.app import App


def routes(app: App) -> list[GuardedRoute]:
    async def listed(request: Request) -> Response:
        return JSONResponse({"guardrails": [_shown(row) for row in app.serving.gateway.config.guardrails]})

    async def applied(request: Request) -> Response:
        asked = await read_object(request, app.serving.max_request_bytes)
        name, side = asked.get("guardrail_name"), asked.get("input_type", "request")
        if not isinstance(name, str):
            raise BadRequestError("guardrail_name has to name a guardrail.", param="guardrail_name")
        if side not in ("request", "response"):
            raise BadRequestError("input_type is neither 'request' nor 'response'.", param="input_type")
        options = {key: asked[key] for key in ("language", "entities") if asked.get(key) is not None}
        chain = app.serving.gateway.pipeline.guardrails
        found = await tried(chain, name, _said(asked), side, options, request.scope["principal"])
        return JSONResponse({"response_text": found.text, "action": found.action})

    user = Permission.CALL_MODELS
    listing = Doc("The guardrails of the config", "GuardrailList")
    applying = Doc("A guardrail's verdict on a text", "AppliedGuardrail", body="ApplyGuardrail")
    return [
        route("/guardrails/list", listed, user, doc=listing),
        route("/v2/guardrails/list", listed, user, doc=listing),
        route("/guardrails/apply_guardrail", applied, user, methods=["POST"], doc=applying),
        route("/apply_guardrail", applied, user, methods=["POST"], doc=applying),
    ]


def _shown(row: Any) -> Body:
    """A guardrail without its own settings: there may be secrets among them."""
    params = row.litellm_params
    return {
        "guardrail_name": row.guardrail_name,
        "litellm_params": {"guardrail": params.guardrail, "mode": params.mode, "default_on": params.default_on},
        "guardrail_info": dict(row.guardrail_info),
    }


def _said(asked: Body) -> str | list[Any]:
    """What is to be judged. Raises BadRequestError."""
    messages = asked.get("messages")
    if isinstance(messages, list) and messages:
        return messages
    if messages is not None or not isinstance(asked.get("text"), str):
        raise BadRequestError("text, or a list of messages, has to say what is to be judged.", param="text")
    return str(asked["text"])
