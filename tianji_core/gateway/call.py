"""The object that walks through the house: one client request, from its body to its record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from tianji_core.api.call import ANONYMOUS, Principal
from tianji_core.api.callback import AttemptRecord, CallKind, Cost, GuardrailRun, UsageSource
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, Operation

if TYPE_CHECKING:
    from tianji_core.gateway.cache.cache import Storing
    from tianji_core.gateway.cache.embeddings import Embedding
    from tianji_core.gateway.objects.prompts import PromptFiles
    from tianji_core.gateway.policies import Outcome
    from tianji_core.routing import Deployment
    from tianji_core.state import Taken
    from tianji_core.translate.surfaces.contract import Surface


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What a client may ask of the gateway itself, beside the vendor's parameters. Times in seconds."""

    num_retries: int | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    fallbacks: tuple[Any, ...] = ()
    disable_fallbacks: bool = False
    drop_params: bool = False
    dropped: tuple[tuple[str | int | None, ...], ...] = ()
    """Places of the body to leave out, as `tianji_core.gateway.paths` reads them."""
    allowed_params: frozenset[str] = frozenset()
    guardrails: frozenset[str] = frozenset()
    guardrail_options: Mapping[str, Mapping[str, Any]] | None = None
    """What the request gives single guardrails, by their names; under "" what it gives all others."""
    policies: tuple[str, ...] = ()
    """Policies that the request asks for."""

    def patience(self, *, stream: bool) -> float | None:
        """The seconds that the client gives the whole call; None if it does not say."""
        return self.stream_timeout if stream and self.stream_timeout is not None else self.timeout


DEFAULT_OPTIONS = CallOptions()

_random = Random()  # noqa: S311 - ids have to be distinct, not secret


_DRAWN = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_4 = 0x4000 << 64 | 0x8000 << 48


def new_id() -> str:
    """A call's id: a version 4 UUID (RFC 9562 §5.4), made ten times faster than `uuid.uuid4` makes it."""
    text = (_random.getrandbits(128) & _DRAWN | _VERSION_4).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Call:
    """One call. Each room of the pipeline adds its part; nothing walks back.

    `headers` are the client's header fields as the server gives them: names in lower case. Times that end in `_at`
    are Unix seconds, `started` is monotonic.
    """

    operation: Operation
    model: str
    body: Body
    stream: bool = False
    principal: Principal = ANONYMOUS
    options: CallOptions = DEFAULT_OPTIONS
    dialect: str = "openai"
    surface: Surface | None = None
    """The dialect that the client speaks, where it is not OpenAI's own."""
    asked: Body | None = None
    """The request in that dialect."""
    native: Body | None = None
    """What of it a vendor that speaks the dialect is to get; None once somebody has changed the body."""
    kept: PromptFiles | None = None
    """The files that the prompt names, if it may name some of ours."""
    kind: CallKind | None = None
    """What it is called in its record, where that is not the operation."""
    route: str = ""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    client: str | None = None
    heavy: bool = False
    """Whether the request is so large that what is done with it is done in a thread (`tianji_core.gateway.heavy`)."""
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=new_id)
    started: float = field(default_factory=time.monotonic)
    started_at: float = field(default_factory=time.time)

    # What routing and the attempts add.
    group: str | None = None
    """The name that was routed last: the one asked for, or a fallback's."""
    deployment: Deployment | None = None
    upstream_model: str | None = None
    upstream_headers: Headers | None = None
    upstream_seconds: float = 0.0
    """Time spent waiting for vendors, of all attempts."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    retries: int = 0
    fallbacks: int = 0
    deadline: float | None = None
    """When all of it has to be over, retries and fallbacks too; monotonic."""
    taken: Taken | None = None
    """What the try that was answered has taken of its deployment's hard limits."""
    prompt_tokens: int | None = None
    """The prompt's tokens, or more than it can have, where routing has looked."""
    guardrails: list[str] = field(default_factory=list)
    """Those that have looked at it."""
    guardrail_runs: list[GuardrailRun] = field(default_factory=list)
    guardrail_memory: dict[str, dict[str, Any]] | None = None
    """What guardrails keep for themselves until the call is over, by their names."""
    policies: Outcome | None = None
    """What the policies for this call come to; None before they are applied, and where there are none."""
    routed: str | None = None
    """The model to begin with, where a policy has another one answer than was asked for."""

    # What the answer adds.
    usage: Mapping[str, Any] | None = None
    usage_source: UsageSource = "vendor"
    measured: Mapping[str, Any] | None = None
    """What else there is to be paid for: images, seconds, characters."""
    service_tier: str | None = None
    """The tier of service that the answer names."""
    named_model: str | None = None
    """The model that the answer names, where nobody knows the prices of the one that was asked for."""
    deferred: bool = False
    """Whether the vendor still works on the answer: another record tells what that has used."""
    batched: bool = False
    """Whether it was a line of a batch that a vendor did."""
    request_price: float | None = None
    """In dollars, where the config says what a request costs, whatever it uses."""
    cache_hit: bool = False
    """Whether no vendor was asked: the answer came from a cache."""
    cache_key: str | None = None
    """Under which the response cache has the answer, or may come to have it."""
    storing: Storing | Embedding | None = None
    """What puts the answer into the response cache once the call has ended well."""
    cost: Cost | None = None
    saved: Cost | None = None
    """What it would have cost, if the answer came from a cache."""
    unpriced: str | None = None
    """Why nobody knows what it cost."""
    response: Body | None = None
    first_chunk_at: float | None = None
    finished: bool = False

    @property
    def wants_usage(self) -> bool:
        """Whether the usage chunk of a stream goes out: the client asked for it, or the config shows it to all."""
        if self.deployment is not None and self.deployment.shows_usage:
            return True
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    @property
    def answering_model(self) -> str:
        """What an answer calls its model: the name that was asked for; after a fallback the model that stepped in."""
        return self.model if not self.fallbacks else self.upstream_model or self.model

    def header(self, name: bytes) -> str | None:
        """A client header field, as text."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")
