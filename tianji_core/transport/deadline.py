"""One coarse timer for a connection, instead of one per phase and chunk.

Arming and cancelling a loop timer costs more than the rest of a chunk's handling. So a phase change only writes three
plain attributes, and the timer looks at them when it fires, at the latest `Timeouts.shortest` seconds after the
previous look. No phase can be shorter than that, so none can be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from .errors import FirstByteTimeout, TotalTimeout, TransportTimeout

_TICK = 0.002  # seconds; uvloop's clock counts whole milliseconds


class Deadline:
    """Watches the running phase of one connection's exchange.

    `since`: when the phase last made progress; `patience`: seconds it may go without; `kind`: what it is called when
    it does not. The connection writes them directly.
    """

    __slots__ = ("_fires_at", "_loop", "_on_expired", "_pace", "_timer", "_total_at", "kind", "patience", "since")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_expired: Callable[[type[TransportTimeout]], bool]) -> None:
        """`on_expired(kind)` is called when a phase has run out; it returns True if there was progress after all."""
        self._loop = loop
        self._on_expired = on_expired
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = self._total_at = self._pace = inf
        self.since = 0.0
        self.patience = inf
        self.kind: type[TransportTimeout] = FirstByteTimeout

    def start(self, now: float, pace: float, total_at: float) -> None:
        """An exchange begins: look at least every `pace` seconds, and at `total_at` (loop time) give up."""
        self._pace = pace
        self._total_at = total_at
        self.patience = inf
        when = min(now + pace, total_at)
        # The timer of an earlier exchange still runs and mostly fires early enough for this one too.
        if self._timer is not None:
            if self._fires_at <= when:
                return
            self._timer.cancel()
            self._timer = None
        if when < inf:
            self._arm(when)

    def stop(self) -> None:
        """The exchange is over; a running timer finds nothing to do."""
        self.patience = self._total_at = self._pace = inf

    def close(self) -> None:
        """The connection is gone: let go of it."""
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self._fires_at = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now + _TICK >= self._total_at:
            self._on_expired(TotalTimeout)
            return
        if now + _TICK >= self.since + self.patience:
            if not self._on_expired(self.kind):
                return
            self.since = now
        when = min(self.since + self.patience, now + self._pace, self._total_at)
        if when < inf:
            self._arm(when)


def after(now: float, seconds: float | None) -> float:
    """The loop time `seconds` from now; None = never."""
    return inf if seconds is None else now + seconds
