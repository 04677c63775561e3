"""Writes of one round of the event loop, put off to its end and done back to back.

A write to a socket costs more than all else that is done for an answer, and most of that is waking whoever reads it.
With work for other connections between two writes the reader has fallen asleep again each time; writes right after one
another find it awake.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary


class Writer(Protocol):
    """A connection that has something to write."""

    def flush(self) -> None: ...


class Outbox:
    """The connections of one event loop that have something to write at the end of its round."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Writer] = []

    def add(self, writer: Writer) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(writer)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for writer in waiting:
            try:
                writer.flush()
            except Exception as error:  # of one connection; the others have their turn all the same
                self._loop.call_exception_handler({"message": "a write failed", "exception": error})


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """The one outbox of an event loop."""
    found = _outboxes.get(loop)
    if found is None:
        found = _outboxes[loop] = Outbox(loop)
    return found
