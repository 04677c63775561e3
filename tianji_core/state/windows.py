"""Sliding windows and leases, counted in one process.

A window is counted in BUCKETS parts of its length. A part counts as long as any moment of it lies within the last
`window` seconds, so the sum is never below what was really taken in any stretch of that length.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tianji_core.state.contract import Limit, Refused, Taken

BUCKETS = 60
_SWEEP_AT = 1024


class _Window:
    """One sliding window. Each part is [number, amount, of which nobody else knows]."""

    __slots__ = ("parts", "width")

    def __init__(self, window: float) -> None:
        self.width = window / BUCKETS
        self.parts: deque[list[float]] = deque()

    def used(self, now: float) -> float:
        oldest = now // self.width - BUCKETS
        parts = self.parts
        while parts and parts[0][0] < oldest:
            parts.popleft()
        return sum(part[1] for part in parts)

    def add(self, now: float, amount: float, unsaid: float = 0.0) -> None:
        number = now // self.width
        if not self.parts or self.parts[-1][0] < number:
            self.parts.append([number, 0.0, 0.0])
        self.parts[-1][1] += amount
        self.parts[-1][2] += unsaid

    def reduce(self, at: float, amount: float, unsaid: float) -> None:
        number = at // self.width
        for part in reversed(self.parts):
            if part[0] == number:
                part[1] = max(0.0, part[1] - amount)
                part[2] -= unsaid
                return
            if part[0] < number:
                return

    def wait(self, now: float, too_much: float) -> float:
        """Seconds until so much of it has left the window."""
        for number, amount, _ in self.parts:
            too_much -= amount
            if too_much <= 1e-9:
                return (number + BUCKETS + 1) * self.width - now
        return self.width * BUCKETS


class Windows:
    """The windows and leases of this process, by key.

    As the replacement for shared ones that are away, a process has its share of each limit: one of `replicas`. An
    empty window admits whatever fits the whole limit, or a share smaller than one request would admit none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._windows: dict[tuple[str, float], _Window] = {}
        self._leases: dict[str, set[str]] = {}
        self._sweep_at = _SWEEP_AT

    def take(self, limits: Sequence[Limit], replicas: int = 1, *, unsaid: bool = False) -> Taken | Refused:
        """Take from all or none. `unsaid` marks it as what nobody else knows: see `unsaid`."""
        now = self.clock()
        found = []
        for index, limit in enumerate(limits):
            if limit.holder is not None:
                holders = self._leases.get(limit.key, ())
                if limit.holder not in holders and len(holders) + 1 > max(limit.limit / replicas, min(limit.limit, 1)):
                    return Refused(index, 1.0)
                found.append(float(len(holders)))
                continue
            window = self._window(limit)
            used = window.used(now)
            room = limit.limit / replicas if used else limit.limit
            if limit.amount and used + limit.amount > room + 1e-9:
                return Refused(index, max(0.0, window.wait(now, used + limit.amount - room)))
            found.append(used)
        self.note(limits, now, unsaid=unsaid)
        after = tuple(
            float(len(self._leases[limit.key])) if limit.holder is not None else used + limit.amount
            for limit, used in zip(limits, found, strict=True)
        )
        return Taken(tuple(limits), after, now)

    def note(self, limits: Sequence[Limit], now: float, *, unsaid: bool = False) -> None:
        """Write down what was taken, here or from what is shared."""
        for limit in limits:
            if limit.holder is not None:
                self._leases.setdefault(limit.key, set()).add(limit.holder)
            elif limit.amount:
                self._window(limit).add(now, limit.amount, limit.amount if unsaid else 0.0)

    def settle(self, taken: Taken, used: Sequence[float | None]) -> None:
        now, unsaid = self.clock(), taken.shared_at is None
        for limit, really in zip(taken.limits, used, strict=True):
            if limit.holder is not None:
                self._release(limit.key, limit.holder)
            elif really is not None and really != limit.amount:
                more = really - limit.amount
                window = self._window(limit)
                if more > 0:
                    window.add(now, more, more if unsaid else 0.0)
                else:
                    window.reduce(taken.at, -more, -more if unsaid else 0.0)

    def unsaid(self) -> Iterator[tuple[str, float, float, float]]:
        """What was taken here while nobody else could be told: key, window, its age in seconds, amount. Once told."""
        now = self.clock()
        for (key, length), window in self._windows.items():
            window.used(now)
            for part in window.parts:
                if part[2] > 0:
                    yield key, length, max(0.0, now - (part[0] + 0.5) * window.width), part[2]
                part[2] = 0.0

    def say_again(self, key: str, length: float, at: float, amount: float) -> None:
        """What `unsaid` gave did not arrive."""
        window = self._windows.get((key, length))
        if window is not None:
            for part in window.parts:
                if part[0] == at // window.width:
                    part[2] += amount

    @property
    def leases(self) -> list[tuple[str, str]]:
        """Key and holder of every lease that is held here."""
        return [(key, holder) for key, holders in self._leases.items() for holder in holders]

    def _window(self, limit: Limit) -> _Window:
        name = (limit.key, limit.window)
        window = self._windows.get(name)
        if window is None:
            if len(self._windows) >= self._sweep_at:
                self._sweep()
            window = self._windows[name] = _Window(limit.window)
        return window

    def _sweep(self) -> None:
        """Forget what is empty, whenever there is twice as much as was left the last time."""
        now = self.clock()
        for name in [name for name, window in self._windows.items() if not window.used(now)]:
            del self._windows[name]
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._windows))

    def _release(self, key: str, holder: str) -> None:
        holders = self._leases.get(key)
        if holders is not None:
            holders.discard(holder)
            if not holders:
                del self._leases[key]
