"""The guardrail contract: a policy that sees requests and answers in their normal form, whatever the route."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tianji_core.api.call import CallView
from tianji_core.api.provider import Body

Stage = Literal["pre_call", "during_call", "post_call"]
"""Before the vendor is asked · while it is asked (a block discards the answer) · on the answer."""


@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing to object to."""


@dataclass(frozen=True, slots=True)
class Block:
    """The call ends here: HTTP 400 with `reason`; `detail` goes into the body's `provider_specific_fields`."""

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Go on with `body` in place of the request (pre_call) or the answer (post_call)."""

    body: Body


Verdict = Allow | Block | Rewrite
ALLOW = Allow()


@dataclass(frozen=True, slots=True)
class Payload:
    """What a guardrail looks at: the request, and at `post_call` the answer, both in OpenAI's shape."""

    call: CallView
    request: Body
    response: Body | None = None

    def texts(self) -> Iterator[str]:
        """Every text a person or a model wrote here: the answer's at `post_call`, the request's otherwise."""
        return response_texts(self.response) if self.response is not None else request_texts(self.request)


def request_texts(body: Body) -> Iterator[str]:
    """The texts of a request: messages with all text parts, tool results and tool arguments, prompt, or input."""
    for message in _list(body.get("messages")):
        if isinstance(message, dict):
            yield from _message_texts(message)
    for key in ("prompt", "input"):
        yield from _texts(body.get(key))


def response_texts(body: Body) -> Iterator[str]:
    """The texts of an answer: contents, reasoning and tool arguments of every choice."""
    for choice in _list(body.get("choices")):
        if isinstance(choice, dict):
            yield from _texts(choice.get("text"))
            message = choice.get("message")
            if isinstance(message, dict):
                yield from _message_texts(message)


def _message_texts(message: Body) -> Iterator[str]:
    yield from _texts(message.get("content"))
    yield from _texts(message.get("reasoning_content"))
    for tool_call in _list(message.get("tool_calls")):
        function = tool_call.get("function") if isinstance(tool_call, dict) else None
        if isinstance(function, dict):
            yield from _texts(function.get("arguments"))


def _list(value: Any) -> list[Any]:
    """The value, if it is what it should be; a body may hold anything that is JSON."""
    return value if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, str):
                yield part
            elif isinstance(part, dict):
                yield from _texts(part.get("text"))


class GuardrailSettings(BaseModel):
    """The keys of a guardrail's `litellm_params` that every guardrail has; a plugin subclasses it to add its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    guardrail: str = Field(description="Name of the plugin")
    mode: Stage | list[Stage] = Field("pre_call", description="When it runs")
    default_on: bool = Field(False, description="Runs on every call; otherwise the request has to name it")


class Guardrail(ABC):
    """A policy. Raising anything refuses the call: a guardrail that fails never lets a call through."""

    stages: frozenset[Stage] = frozenset({"pre_call"})
    """The stages this guardrail can serve; `mode` in the config picks among them."""

    @abstractmethod
    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Judge the payload. Must not change it in place: answer Rewrite with a new body instead."""

    async def aclose(self) -> None:
        """Give back what was opened."""
