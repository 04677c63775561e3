"""The guardrails of the config, and their verdict on a text: `/guardrails/list`, `/guardrails/apply_guardrail`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.guardrail import Payload, Rewrite, Stage
from tianji_core.api.provider import Body
from tianji_core.api.texts import answer_places, request_places
from tianji_core.gateway.call import Call
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route
from tianji_core.server.requests import read_object

if TYPE_CHECKING:
    from tianji_core.server.app import App

_ORDER: tuple[Stage, ...] = ("pre_call", "during_call", "post_call", "logging_only")


def routes(app: App) -> list[GuardedRoute]:
    async def listed(request: Request) -> Response:
        return JSONResponse({"guardrails": [_shown(row) for row in app.serving.gateway.config.guardrails]})

    async def applied(request: Request) -> Response:
        asked = await read_object(request, app.serving.max_request_bytes)
        name, kind = asked.get("guardrail_name"), asked.get("input_type", "request")
        if not isinstance(name, str):
            raise BadRequestError("guardrail_name has to name a guardrail.", param="guardrail_name")
        if kind not in ("request", "response"):
            raise BadRequestError("input_type is neither 'request' nor 'response'.", param="input_type")
        chain = app.serving.gateway.pipeline.guardrails
        active = next((each for each in chain.all if each.name == name), None)
        if active is None:
            names = ", ".join(sorted({each.name for each in chain.all})) or "none"
            raise NotFoundError(f"There is no guardrail {name!r}. There are: {names}.", param="guardrail_name")
        body = _request(asked)
        options = {key: asked[key] for key in ("language", "entities") if asked.get(key) is not None}
        call = Call("chat", "", body, principal=request.scope["principal"], route="/guardrails/apply_guardrail")
        response = _answer(body) if kind == "response" else None
        verdict = await chain.check(
            active, _stage(active.guardrail.stages, kind), Payload(call, body, response, options), call
        )
        new = verdict.body if isinstance(verdict, Rewrite) else response or body
        places = answer_places(new) if response is not None else request_places(new)
        return JSONResponse(
            {
                "response_text": "\n".join(place.text for place in places),
                "action": "rewrite" if isinstance(verdict, Rewrite) else "allow",
            }
        )

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


def _request(asked: Body) -> Body:
    """The chat that is judged. Raises BadRequestError."""
    messages = asked.get("messages")
    if messages is not None:
        if not isinstance(messages, list) or not messages:
            raise BadRequestError("messages has to be a list of messages.", param="messages")
        return {"messages": messages}
    if not isinstance(asked.get("text"), str):
        raise BadRequestError("text has to say what is to be judged.", param="text")
    return {"messages": [{"role": "user", "content": asked["text"]}]}


def _answer(body: Body) -> Body:
    said = "\n".join(place.text for place in request_places(body))
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}


def _stage(able: frozenset[Stage], kind: str) -> Stage:
    """The stage at which the guardrail is asked. Raises BadRequestError where it has none for this."""
    wanted = _ORDER[2:3] if kind == "response" else (_ORDER[0], _ORDER[1], _ORDER[3])
    found = next((stage for stage in wanted if stage in able), None)
    if found is None:
        raise BadRequestError(f"This guardrail does not look at a {kind}.", param="input_type")
    return found
