"""The state of one process, with nobody to share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from tianji_core.state.contract import Limit, Refused, State, Subscriber, Taken
from tianji_core.state.counters import Counters
from tianji_core.state.news import News
from tianji_core.state.values import BoundedValues
from tianji_core.state.windows import Windows
from tianji_core.telemetry import get_logger

log = get_logger("tianji.state")


class MemoryState(State):
    """In this process. With `replicas` beside it that it cannot reach, its limits are its share of them."""

    def __init__(self, replicas: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._replicas = max(1, replicas)
        self._warned = False
        self._counters = Counters(clock)
        self._windows = Windows(clock)
        self._values = BoundedValues(clock=clock)
        self._news = News()

    @property
    def replicas(self) -> int:
        return self._replicas

    async def start(self) -> None:
        if self._replicas > 1 and not self._warned:
            self._warned = True
            log.warning("replicas share nothing without Redis: limits are divided among them", replicas=self._replicas)

    async def add(self, amounts: Sequence[tuple[str, float, float]]) -> list[float]:
        return [self._counters.add(*each) for each in amounts]

    async def read(self, keys: Sequence[str]) -> list[float]:
        return [self._counters.read(key) for key in keys]

    async def take(self, limits: Sequence[Limit]) -> Taken | Refused:
        return self._windows.take(limits, self._replicas)

    def settle(self, taken: Taken, used: Sequence[float | None]) -> None:
        self._windows.settle(taken, used)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        for key, value in values.items():
            self._values.set(key, value, ttl)

    async def delete(self, keys: Sequence[str]) -> int:
        return sum(self._values.pop(key) for key in keys)

    async def clear(self, prefix: str) -> int:
        return self._values.clear(prefix)

    def publish(self, channel: str, message: bytes) -> None:
        self._news.tell(channel, message)

    def subscribe(
        self, channel: str, function: Subscriber, on_gap: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        return self._news.subscribe(channel, function, on_gap)
