"""The guardrail contract: a policy that sees requests and answers in their normal form, whatever the route."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import ConfigDict, Field

from tianji_core.api.call import CallView
from tianji_core.api.provider import Body, Operation
from tianji_core.api.settings import PluginSettings
from tianji_core.api.texts import Text, answer_places, images, replaced, request_places

Stage = Literal["pre_call", "during_call", "post_call", "logging_only"]
"""Before the vendor is asked · while it is asked (a block discards the answer) · on the answer · on what is written
down of a call that is over."""


@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing to object to. `noted` is for the record: what was found and let pass."""

    noted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """The call ends here: HTTP 400 with `reason`; `detail` goes into the body's `provider_specific_fields`.

    With an `answer` the caller gets that instead of an error, as if the model had said it.
    """

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Go on with `body` in place of the request (pre_call) or the answer (post_call).

    `found` says how many of each kind were changed, for the record: `{"EMAIL_ADDRESS": 2}`.
    """

    body: Body
    found: Mapping[str, int] = field(default_factory=dict)


Verdict = Allow | Block | Rewrite
ALLOW = Allow()


class Unreachable(Exception):
    """A service that a guardrail asks did not answer, or could not: no connection, no time, 502, 503, 504.

    Its text holds no secret. The call is refused unless the config says `unreachable_fallback: fail_open`.
    """


@dataclass(slots=True)  # not frozen, which takes three times as long to make: one is made for each check
class Payload:
    """What a guardrail looks at: the request, and at `post_call` the answer, both in OpenAI's shape. Not to be changed.

    At `logging_only` there may be an answer or none.
    """

    call: CallView
    request: Body
    response: Body | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the request gives this guardrail (`guardrails: [{"name": {"extra_body": {…}}}]`); a client wrote it."""
    memory: dict[str, Any] = field(default_factory=dict)
    """This guardrail's own until the call is over, at all its stages; empty at first."""
    unseen: tuple[str, ...] = ()
    """Texts that pass between caller and vendor beside the normal form, since they speak the same dialect."""
    wants: Callable[[list[Text]], list[Text]] | None = None
    """Which texts of requests the config lets this guardrail see; None if all."""
    seen: list[list[Text]] = field(default_factory=list, repr=False, compare=False)
    """What `places` has found, for all guardrails that are shown the same."""

    def texts(self) -> Iterator[str]:
        """Every text a person or a model wrote here: the answer's at `post_call`, the request's otherwise."""
        return (place.text for place in self.places())

    def places(self) -> list[Text]:
        """The same, with whose they are and where. Those of `unseen` have the path `("unseen", index)`."""
        if not self.seen:
            self.seen.append(all_places(self.request, self.response, self.unseen))
        found = self.seen[0]
        return list(found) if self.wants is None or self.response is not None else self.wants(found)

    def images(self) -> list[str]:
        """The addresses (`https:` or `data:`) of all pictures in the request's messages."""
        return images(self.request)

    def rewritten(
        self, places: Sequence[Text], texts: Sequence[str], found: Mapping[str, int] | None = None
    ) -> Verdict:
        """The verdict that puts `texts` in these `places`, one for each; ALLOW if they say what stood there before."""
        changed = {place.path: new for place, new in zip(places, texts, strict=True) if new != place.text}
        if not changed:
            return ALLOW
        body = self.request if self.response is None else self.response
        return Rewrite(replaced(body, {p: t for p, t in changed.items() if p[0] != "unseen"}), found or {})


def all_places(request: Body, response: Body | None = None, unseen: Sequence[str] = ()) -> list[Text]:
    """Every text of an answer, or of a request where there is none yet, and those that pass beside."""
    found = request_places(request) if response is None else answer_places(response)
    if unseen:
        role = "user" if response is None else "assistant"
        found += (Text(text, role, "other", ("unseen", index)) for index, text in enumerate(unseen))
    return found


class Asking(Protocol):
    """The gateway, for guardrails that have one of its models judge."""

    async def ask(self, call: CallView, operation: Operation, body: Body) -> Body:
        """A call of the gateway's own, `body["model"]` one of its models: with routing, retries and fallbacks, paid by
        whoever makes `call`, and without guardrails. Gives the answer. Raises GatewayError.
        """


class GuardrailSettings(PluginSettings):
    """The keys of a guardrail's `litellm_params` that every guardrail has; a plugin subclasses it to add its own.

    What the gateway itself goes by (`timeout`, `fail_on_error`, `streaming`, …) is not shown to the guardrail.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    guardrail: str = Field(description="Name of the plugin")
    mode: Stage | list[Stage] = Field("pre_call", description="When it runs")
    default_on: bool = Field(False, description="Runs on every call; otherwise the request has to name it")


class Guardrail(ABC):
    """A policy. Raising anything refuses the call: a guardrail that fails never lets a call through, unless the config
    says so (`fail_on_error: false`; `unreachable_fallback: fail_open` for Unreachable and for what takes too long).
    """

    stages: frozenset[Stage] = frozenset({"pre_call"})
    """The stages this guardrail can serve; `mode` in the config picks among them."""

    def runs_at(self, asked: frozenset[Stage]) -> frozenset[Stage]:
        """The stages at which it runs, where the config asks for these. One that puts back what it has taken out needs
        to see the answer, whatever `mode` says."""
        return asked

    def needs(self, stage: Stage, payload: Payload) -> bool:
        """Whether `check` has anything to do; False costs nothing, and at `post_call` a stream need not be held.

        There `payload.response` is None yet: what matters is in `memory`.
        """
        return True

    def connect(self, gateway: Asking) -> None:
        """Called once, before the first check."""

    def glance(self, text: bytes) -> bool:
        """Whether there is certainly nothing to object to: then `check` is not asked, which makes most calls cheap.

        `text` is all that `check` would be shown of a request or an answer that is not long: its texts in UTF-8, a line
        for each. Must not wait for anything. What it raises counts as False. By default nothing is certain.
        """
        return False

    @abstractmethod
    async def check(self, stage: Stage, payload: Payload) -> Verdict:
        """Judge the payload. Must not change it in place: answer Rewrite with a new body instead. Raises Unreachable,
        and GatewayError for a call that ends with another error than a block."""

    async def aclose(self) -> None:
        """Give back what was opened."""


__all__ = [
    "ALLOW", "Allow", "Asking", "Block", "Guardrail", "GuardrailSettings", "Payload", "Rewrite", "Stage", "Text",
    "Unreachable", "Verdict",
]  # fmt: skip
