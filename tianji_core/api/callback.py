"""The callback contract: what is told about a call once it is over."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict

from tianji_core.api.call import ANONYMOUS, Principal
from tianji_core.api.provider import Body, Operation
from tianji_core.api.settings import PluginSettings

CallKind = (
    Operation
    | Literal["pass_through", "files", "batches", "fine_tuning", "vector_stores", "assistants", "conversations"]
)
"""What a call was: one of the operations, a request that went to a vendor as it came, or about a thing that is kept."""

UsageSource = Literal["vendor", "tokenizer", "estimate"]
"""Who counted the tokens: the vendor; the gateway, with the tokenizer of the model's family; or nobody really."""


PriceSource = Literal["config", "plugin", "table", "vendor"]
"""Who says what a call costs: the config, a plugin (`tianji_model_price`), the price table, or the vendor's answer."""

PER_DOLLAR = 10**12
"""What `Cost` counts in: so many make a US dollar."""


class Cost(NamedTuple):
    """What a call costs, in whole numbers of 10^-12 US dollars, so that sums are exact (`in_dollars` makes dollars).

    `input` to `other` share no token, and are `original` together. `original - discount + margin` is `total`.
    """

    total: int
    original: int
    """By the list prices."""
    source: PriceSource
    input: int = 0
    """What the model read, without what came from a cache or went into one."""
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    """What the model wrote, without reasoning; images, seconds and the like that it made."""
    reasoning: int = 0
    tools: int = 0
    """Searches and other tools that the vendor runs and charges for apart."""
    other: int = 0
    """What is no matter of parts: the price of a request, or all of it where the vendor says only that."""
    discount: int = 0
    margin: int = 0
    margin_percent: float = 0.0
    """The part of the margin that goes by the cost, 0.1 for ten percent."""
    service_tier: str | None = None
    """The tier whose prices hold, where it is not the standard one: flex, priority, batches, …"""


def in_dollars(amount: int) -> float:
    """An amount of a `Cost` in US dollars: the float that is nearest to it."""
    return amount / PER_DOLLAR


class AttemptRecord(NamedTuple):
    """One upstream try. `status` is the vendor's HTTP status, None if there was no answer; times in seconds."""

    deployment_id: str
    provider: str
    model: str
    status: int | None
    error: str | None
    started: float
    duration: float


GuardrailStatus = Literal["success", "guardrail_flagged", "guardrail_intervened", "guardrail_failed_to_respond"]
"""Nothing to object to · something was found and let pass · blocked or rewritten · no verdict."""


class GuardrailRun(NamedTuple):
    """One check of one guardrail. `started` is in Unix seconds, `duration` in seconds."""

    name: str
    plugin: str
    stage: str
    """pre_call, during_call, post_call or logging_only."""
    status: GuardrailStatus
    started: float
    duration: float
    found: Mapping[str, Any] = {}
    """Of what was rewritten, how many of each kind; of what was blocked or flagged, what the guardrail says of it."""
    error: str | None = None
    """`Block`, or the class of what was raised; None where the call went on undisturbed."""


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """Why a call failed; never holds a secret."""

    kind: str
    status: int
    message: str
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A finished call of any surface. Times are Unix seconds. `request` and `response` are None when redacted."""

    id: str
    operation: CallKind
    dialect: str
    route: str
    outcome: Literal["success", "failure"]
    stream: bool
    model: str
    """The name the client asked for."""
    model_group: str | None
    upstream_model: str | None
    deployment_id: str | None
    provider: str | None
    api_base: str | None
    started_at: float
    first_chunk_at: float | None
    ended_at: float
    usage: Mapping[str, Any] | None
    principal: Principal
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    client: str | None = None
    user_agent: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    fallbacks: int = 0
    guardrails: tuple[str, ...] = ()
    """The names of those that looked at it."""
    guardrail_runs: tuple[GuardrailRun, ...] = ()
    request: Body | None = field(default=None, repr=False)
    response: Body | None = field(default=None, repr=False)
    error: ErrorRecord | None = None
    usage_source: UsageSource | None = None
    """None without `usage`; what is not the vendor's has `estimated` in its usage too."""
    cache_hit: bool = False
    """Whether the answer came from the response cache, and no vendor was asked."""
    cache_key: str | None = None
    """Under which the response cache has the answer, or may have it from now on; None if it was not asked."""
    cost: float | None = None
    """In US dollars: `cost_breakdown.total` as a float. None if it is not known; `unpriced` says why."""
    cost_breakdown: Cost | None = None
    unpriced: str | None = None
    """Why there is no cost, of a call that has used something. None where nothing was used, or the cost is known."""
    saved_cost: float | None = None
    """In US dollars, what a call would have cost whose answer came from a cache; its `cost` is 0."""
    policies: tuple[str, ...] = ()
    """The policies that held for the call."""
    traceparent: str | None = None
    """The request's header field, as it came; see `tianji_core.api.trace`."""

    @property
    def duration(self) -> float:
        """Seconds from the request's arrival to the last byte of the answer."""
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """Something that happened to the gateway itself and is no call: a deployment was cooled down, a budget was crossed.

    `kind` is one of the reference's alert types (`cooldown_deployment`, `budget_alerts`, …), or a name of ours where it
    has none. `fields` are of JSON's types and hold no secret.
    """

    kind: str
    message: str
    """One sentence for a person."""
    at: float
    """Unix seconds."""
    level: Literal["info", "warning", "critical"] = "warning"
    fields: Mapping[str, Any] = field(default_factory=dict)


class DeliveryError(Exception):
    """A sink did not take what it was sent; its text holds no secret and no content.

    `retry`: whether the same may be sent once more, `after`: the seconds that the sink asks to be left alone for,
    `taken`: how many of the records, counted from the first, it has got all the same. Any other exception of a callback
    means that the records are lost: sending them again might deliver them twice.
    """

    def __init__(self, message: str, *, retry: bool = True, after: float | None = None, taken: int = 0) -> None:
        super().__init__(message)
        self.retry = retry
        self.after = after
        self.taken = taken


class TooLargeError(DeliveryError):
    """The sink takes no body of this size (413): the gateway sends the records in smaller parts."""

    def __init__(self, message: str, *, taken: int = 0) -> None:
        super().__init__(message, retry=False, taken=taken)


class Callback:
    """A sink for call records. It runs beside the calls, never in their way; what it raises is logged and counted.

    The gateway keeps a queue for each callback, gathers batches, cuts off what takes too long, sends once more what a
    `DeliveryError` says may be sent again, and leaves a sink alone that keeps failing. So a callback holds no queue
    and no task of its own.
    """

    wants_content: bool = False
    """True if `request` and `response` should be filled; streamed answers are then put together for it."""
    batch_size: int = 1
    """The most records that `on_calls` gets at once, …"""
    flush_interval: float = 0.0
    """… and the seconds that a record may wait for others."""
    tick: float | None = None
    """Seconds after which `on_calls` gets an empty list where nothing has come, for what goes by the clock."""
    deadline: float = 20.0
    """Seconds for one `on_calls` or `on_event`."""
    header_prefixes: tuple[str, ...] = ()
    """Header fields of requests whose names (in lower case) begin so are in the record's `metadata`."""
    outcomes: frozenset[str] = frozenset({"success", "failure"})
    """How calls have ended that it wants to be told of."""
    event_kinds: frozenset[str] = frozenset()
    """The events that `on_event` is told of; `*` means all."""

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        """Called with finished calls, oldest first; by itself it hands them on one by one. Raises DeliveryError."""
        for record in records:
            await self.on_call(record)

    async def on_call(self, record: CallRecord) -> None:
        """Called once for each finished call, unless `on_calls` takes them together. Raises DeliveryError."""

    async def on_event(self, event: GatewayEvent) -> None:
        """Called for the events of `event_kinds`. Raises DeliveryError."""

    async def check(self) -> None:
        """Find out whether the sink takes what it is sent; by itself it sends `trial_record`. Raises DeliveryError."""
        await self.on_calls([trial_record()])

    async def aclose(self) -> None:
        """Give back what was opened; called while the gateway shuts down, after the last record."""


def trial_record() -> CallRecord:
    """The record of a call that never was, for a look whether a sink takes it. It has used nothing."""
    now = time.time()
    return CallRecord(
        id=f"trial-{uuid.uuid4()}",
        operation="chat",
        dialect="openai",
        route="/health/services",
        outcome="success",
        stream=False,
        model="trial",
        model_group="trial",
        upstream_model="trial",
        deployment_id=None,
        provider=None,
        api_base=None,
        started_at=now,
        first_chunk_at=None,
        ended_at=now,
        usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        principal=ANONYMOUS,
        tags=("trial",),
        request={"model": "trial", "messages": [{"role": "user", "content": "Is somebody there?"}]},
        response={"choices": [{"index": 0, "message": {"role": "assistant", "content": "This is a trial."}}]},
    )


class CallbackSettings(PluginSettings):
    """What the config says to a callback; a plugin subclasses it to add its own keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shared_keys: ClassVar[frozenset[str]] = frozenset()
    """Settings that may stand in `litellm_settings` as well, where the reference has them; those of the callback's own
    entry in `callback_settings` win."""
