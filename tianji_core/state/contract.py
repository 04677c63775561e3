"""The state contract: what routing, limits and caches ask of the place that replicas share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEASE = 30.0
"""Seconds that a lease outlives a process that was killed. Living ones renew theirs."""


class Limit(NamedTuple):
    """So much of a thing within a while: `amount` of it is wanted now, `limit` may be in use.

    Without a `holder` that is a sliding window: in no stretch of `window` seconds more than `limit`. It is counted in
    sixtieths of the window and rounded up, so what was taken counts for at most a sixtieth longer.

    With a `holder` it is a lease: at most `limit` holders at once, each until its `Taken` is settled; `amount` and
    `window` mean nothing then. A holder that has a lease already keeps it.
    """

    key: str
    amount: float
    limit: float
    window: float = 60.0
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken, all of it. `used` says for each limit how much of it is in use now, this included."""

    limits: tuple[Limit, ...]
    used: tuple[float, ...]
    at: float
    """When this process took it, on its own clock."""
    shared_at: int | None = None
    """When it was taken from what replicas share, in milliseconds on that clock; None for this process's share."""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken: the limit at `index` has no room. Trying again is of use in `retry_after` seconds."""

    index: int
    retry_after: float

    def __bool__(self) -> bool:
        return False


Subscriber = Callable[[bytes], None]


class State(ABC):
    """Shared by all replicas, or one process's own. No method raises because the shared place is away: until it is
    back each replica decides for itself, limits shrink to its share, and what it counted is handed in later.

    Keys are any text. Times are seconds.
    """

    shared: bool = False
    """Whether other replicas see it."""
    origin: object = None
    """What it was made of: a reload that comes to the same keeps it."""

    @property
    @abstractmethod
    def replicas(self) -> int:
        """How many processes share the limits, as far as is known; at least 1."""

    @property
    def up(self) -> bool:
        """Whether what is shared can be reached."""
        return True

    async def start(self) -> None:
        """One more gateway uses this."""

    async def aclose(self) -> None:
        """One gateway fewer uses this; the last one gives everything back."""

    # -- counters

    @abstractmethod
    async def add(self, amounts: Sequence[tuple[str, float, float]]) -> list[float]:
        """Add to counters, each `(key, amount, ttl)`, in one round trip; the new totals. A counter begins at 0 and
        ends `ttl` seconds after its first amount."""

    @abstractmethod
    async def read(self, keys: Sequence[str]) -> list[float]:
        """What counters stand at; 0 for those that are not there."""

    # -- limits

    @abstractmethod
    async def take(self, limits: Sequence[Limit]) -> Taken | Refused:
        """Take from all of these limits, or from none. An `amount` of 0 only asks how much is in use."""

    @abstractmethod
    def settle(self, taken: Taken, used: Sequence[float | None]) -> None:
        """Say what was really used of each limit (None: as was taken). Leases end. Never waits; once only."""

    def give_back(self, taken: Taken) -> None:
        """Nothing of it was used."""
        self.settle(taken, [0.0] * len(taken.limits))

    # -- values

    async def get(self, key: str) -> bytes | None:
        """A value; None if there is none, or it cannot be asked for."""
        return (await self.get_many([key]))[0]

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value for `ttl` seconds, or as long as there is room."""
        await self.set_many({key: value}, ttl)

    @abstractmethod
    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Values, in one round trip."""

    @abstractmethod
    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        """Keep values, in one round trip."""

    @abstractmethod
    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values; how many there were."""

    @abstractmethod
    async def clear(self, prefix: str) -> int:
        """Forget every value whose key begins so; how many there were. Not for the way of a call."""

    # -- news

    @abstractmethod
    def publish(self, channel: str, message: bytes) -> None:
        """Tell every subscriber of a channel: those here at once, those in other replicas soon. Never waits."""

    @abstractmethod
    def subscribe(
        self, channel: str, function: Subscriber, on_gap: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Have a function called with every message of a channel; the function that is returned ends that.

        `on_gap` is called when messages of other replicas may have been missed.
        """
