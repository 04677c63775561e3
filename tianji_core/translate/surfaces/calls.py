"""Tool calls of a stream, one after the other: chat may stream several side by side, other dialects may not."""

from __future__ import annotations

import orjson

from tianji_core.api.provider import Body

Delta = tuple[int, Body]
"""Which call, and what came of it."""


class CallQueue:
    """Lets the deltas of one call through and holds back those of others until it is whole.

    A call is whole once its arguments are JSON and another has begun, or at the end. Most vendors stream one call after
    the other, and then nothing waits.
    """

    def __init__(self) -> None:
        self._open: int | None = None
        self._arguments = ""
        self._waiting: dict[int, list[Body]] = {}

    def take(self, call: Body) -> list[Delta]:
        """What may be told now that this delta has come."""
        index = call.get("index", 0)
        if self._open is not None and index != self._open:
            self._waiting.setdefault(index, []).append(call)
            return self._next() if self._is_whole() else []
        self._open = index
        self._arguments += (call.get("function") or {}).get("arguments") or ""
        found = [(index, call)]
        return found + self._next() if self._waiting and self._is_whole() else found

    def rest(self) -> list[Delta]:
        """What was held back, since nothing more will come."""
        found = [(index, call) for index, calls in self._waiting.items() for call in calls]
        self._waiting.clear()
        self._open, self._arguments = None, ""
        return found

    def _next(self) -> list[Delta]:
        """The deltas of the call that has waited longest, and of those after it while they are whole."""
        found: list[Delta] = []
        while self._waiting:
            index = next(iter(self._waiting))
            calls = self._waiting.pop(index)
            found += [(index, call) for call in calls]
            self._open = index
            self._arguments = "".join((call.get("function") or {}).get("arguments") or "" for call in calls)
            if not self._is_whole():
                break
        return found

    def _is_whole(self) -> bool:
        try:
            orjson.loads(self._arguments)
        except ValueError:
            return False
        return True
