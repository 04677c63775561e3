"""Counters that end by themselves, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable

_SWEEP_AT = 4096


class Counters:
    """Numbers by key, each with an end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[float, float]] = {}
        self._sweep_at = _SWEEP_AT

    def add(self, key: str, amount: float, ttl: float) -> float:
        """The new total. The counter ends `ttl` seconds after its first amount."""
        now = self._clock()
        total, ends = self._found.get(key, (0.0, 0.0))
        if ends <= now:
            if len(self._found) >= self._sweep_at:
                self._sweep(now)
            total, ends = 0.0, now + ttl
        total += amount
        self._found[key] = total, ends
        return total

    def put(self, key: str, total: float, ttl: float) -> None:
        """Take over what a counter stands at elsewhere."""
        self.add(key, 0.0, ttl)
        self._found[key] = total, self._found[key][1]

    def read(self, key: str) -> float:
        total, ends = self._found.get(key, (0.0, 0.0))
        return total if ends > self._clock() else 0.0

    def _sweep(self, now: float) -> None:
        for key in [key for key, (_, ends) in self._found.items() if ends <= now]:
            del self._found[key]
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._found))
