"""One guardrail's verdict on a text that nobody sends anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from tianji_core.api.call import ANONYMOUS, Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.guardrail import Payload, Rewrite, Stage
from tianji_core.api.provider import Body
from tianji_core.api.texts import answer_places, request_places
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.chain import GuardrailChain

Side = Literal["request", "response"]
_STAGES: dict[Side, tuple[Stage, ...]] = {
    "request": ("pre_call", "during_call", "logging_only"),
    "response": ("post_call",),
}


class Trial(NamedTuple):
    """What became of a text: it is let pass as it is, or with other words."""

    action: Literal["allow", "rewrite"]
    text: str


async def tried(
    chain: GuardrailChain,
    name: str,
    said: str | list[Any],
    side: Side = "request",
    options: Mapping[str, Any] | None = None,
    principal: Principal = ANONYMOUS,
) -> Trial:
    """Have a guardrail judge a text, or a chat's messages, as a request or as what a model answers.

    Raises NotFoundError for a name that the config does not have, BadRequestError for a side that the guardrail does
    not look at, GuardrailBlockedError, and whatever else a call would end with.
    """
    active = next((each for each in chain.all if each.name == name), None)
    if active is None:
        names = ", ".join(sorted({each.name for each in chain.all})) or "none"
        raise NotFoundError(f"There is no guardrail {name!r}. There are: {names}.", param="guardrail_name")
    stage = next((stage for stage in _STAGES[side] if stage in active.guardrail.stages), None)
    if stage is None:
        raise BadRequestError(f"Guardrail {name!r} does not look at a {side}.", param="input_type")
    body: Body = {"messages": [{"role": "user", "content": said}] if isinstance(said, str) else said}
    response = _answer(body) if side == "response" else None
    call = Call("chat", "", body, principal=principal, route="guardrails")
    verdict = await chain.check(active, stage, Payload(call, body, response, options or {}), call)
    new = verdict.body if isinstance(verdict, Rewrite) else response or body
    places = request_places(new) if response is None else answer_places(new)
    action: Literal["allow", "rewrite"] = "rewrite" if isinstance(verdict, Rewrite) else "allow"
    return Trial(action, "\n".join(place.text for place in places))


def _answer(body: Body) -> Body:
    said = "\n".join(place.text for place in request_places(body))
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
