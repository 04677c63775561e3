"""The routing contract: of the deployments that could serve a call, which one does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

from tianji_core.api.call import CallView


class Deployment(Protocol):
    """One row of `model_list`, as a strategy sees it."""

    @property
    def id(self) -> str: ...
    @property
    def model_name(self) -> str:
        """The group's name, which clients ask for."""

    @property
    def model(self) -> str:
        """The vendor's name of the model."""

    @property
    def provider_name(self) -> str: ...
    @property
    def weight(self) -> float | None: ...
    @property
    def rpm(self) -> int | None: ...
    @property
    def tpm(self) -> int | None: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def info(self) -> Mapping[str, Any]:
        """`model_info` of the row."""

    @property
    def input_cost_per_token(self) -> float | None:
        """The list price of a prompt token in US dollars; None if it is not known."""

    @property
    def output_cost_per_token(self) -> float | None:
        """The list price of a token of the answer in US dollars; None if it is not known."""


class DeploymentStats:
    """What the gateway has seen of one deployment: plain numbers, newest samples last.

    `latencies` holds seconds per output token (seconds, for answers without tokens) and `first_token` seconds to the
    first chunk of streams, each paired with the monotonic time it was taken at. `requests` and `tokens` are those of
    the running minute of UTC, of all replicas that share their state; `in_flight` are the tries of this process.
    `failed` are failures of the minute, `failed_in_a_row` those since the last success.
    """

    __slots__ = (
        "failed",
        "failed_in_a_row",
        "failures",
        "first_token",
        "in_flight",
        "latencies",
        "minute",
        "requests",
        "successes",
        "tokens",
    )

    def __init__(self, samples: int = 10) -> None:
        self.in_flight = 0
        self.successes = 0
        self.failures = 0
        self.latencies: deque[tuple[float, float]] = deque(maxlen=samples)
        self.first_token: deque[tuple[float, float]] = deque(maxlen=samples)
        self.minute = 0
        """Whole minutes since the epoch: which one the next three are of."""
        self.requests = 0
        self.tokens = 0
        self.failed = 0
        self.failed_in_a_row = 0


class Snapshot(Protocol):
    """What a strategy may base its choice on: `now` in monotonic seconds, and a `random` that tests can seed."""

    @property
    def now(self) -> float: ...
    @property
    def random(self) -> Random: ...
    def stats(self, deployment_id: str) -> DeploymentStats: ...


class RoutingStrategy(ABC):
    """Picks a deployment. Synchronous and free of side effects: it is on every call's way."""

    samples: int = 10
    """How many latency samples the gateway keeps for each deployment."""
    respects_limits: bool = False
    """Whether deployments whose `rpm` or `tpm` is used up for this minute are kept from it."""

    @abstractmethod
    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`, of which there is at least one."""
