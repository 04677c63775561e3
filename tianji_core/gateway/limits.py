"""What a call has to reserve before it may go on, and gives back when it is over.

Today that is a place among the calls in flight; budgets and rate limits will be reserved here too. A reservation is a
context manager that belongs to the call's task, so it is released however the call ends.
"""

from __future__ import annotations

from types import TracebackType

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.gateway.call import Call


class Limits:
    """Counts the calls in flight and, where the config says so, refuses those that are too many."""

    def __init__(self, max_in_flight: int | None = None) -> None:
        self.in_flight = 0
        self.running: dict[Call, None] | None = None
        """The calls in flight, oldest first; None as long as nobody wants to see them."""
        self._max = max_in_flight

    def reserve(self, call: Call) -> Reservation:
        """Room for one call. Raises ServiceUnavailableError, to be tried again in a second, if there is none."""
        if self._max is not None and self.in_flight >= self._max:
            raise ServiceUnavailableError("The gateway is at its limit of calls in flight.", retry_after=1.0)
        return Reservation(self, call)


class Reservation:
    """Room that one call holds until `settle`, or the end of its `with` block."""

    __slots__ = ("_call", "_held", "_limits")

    def __init__(self, limits: Limits, call: Call) -> None:
        limits.in_flight += 1
        if limits.running is not None:
            limits.running[call] = None
        self._limits = limits
        self._call = call
        self._held = True

    def settle(self) -> None:
        """Give the room back, with what the call really used. Doing so twice is harmless."""
        if self._held:
            self._held = False
            self._limits.in_flight -= 1
            if self._limits.running is not None:
                self._limits.running.pop(self._call, None)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()
