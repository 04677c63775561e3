"""How late the event loop is: whatever keeps it busy keeps every call waiting."""

from __future__ import annotations

import asyncio

EVERY = 0.5
"""Seconds between two looks: two wake-ups a second cost nothing that can be measured."""
WINDOW = 30.0
"""Seconds; the largest lag is that of the running window and the one before it."""


class LoopLag:
    """Asks to be woken at a time, and sees how much later that happens. Seconds throughout."""

    def __init__(self) -> None:
        self.last = 0.0
        """What the newest look has found."""
        self._largest = self._largest_before = 0.0
        self._ends = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def largest(self) -> float:
        """The largest of the last half minute to minute."""
        return max(self._largest, self._largest_before)

    def start(self) -> None:
        """Begin to look; needs a running loop."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._ends = loop.time() + WINDOW
            self._wait(loop)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + EVERY
        self._timer = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self.last = lag = max(0.0, now - due)
        if now >= self._ends:
            self._largest_before, self._largest = self._largest, 0.0
            self._ends = now + WINDOW
        if lag > self._largest:
            self._largest = lag
        self._wait(loop)
