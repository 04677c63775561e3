"""The two ways in which streams of generateContent come: server-sent events (`alt=sse`), or a JSON array in pieces.

Source: the "Streaming" notes of Google's REST reference; the array is what it sends unless it is told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from tianji_core.wire.sse import DONE, MAX_EVENT_BYTES, Event, EventTooLarge, SSEDecoder

_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')


class Frames:
    """Cuts a stream into its values, whichever way it comes: its first character tells.

    The iterators raise EventTooLarge for an object that is too large, ValueError for what is no JSON.
    """

    def __init__(self) -> None:
        self._events: SSEDecoder | None = None
        self._objects: ObjectScanner | None = None

    def feed(self, data: bytes) -> Iterator[Any]:
        """The values that these bytes complete."""
        if self._events is None and self._objects is None:
            data = data.lstrip()
            if not data:
                return
            if data[:1] in (b"[", b"{"):
                self._objects = ObjectScanner()
            else:
                self._events = SSEDecoder()
        if self._objects is not None:
            for each in self._objects.feed(data):
                yield orjson.loads(each)
        elif self._events is not None:
            yield from _values(self._events.feed(data))

    def finish(self) -> Iterator[Any]:
        """What the end of the body completes; an event that was cut off is none."""
        try:
            yield from _values(self._events.finish() if self._events is not None else [])
        except ValueError:
            return


class ArrayWriter:
    """Writes the data of a stream's events as one array, as they come."""

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """What these bytes of the event stream add to the array."""
        return b"".join([self._item(event.data) for event in self._events.feed(data)])

    def end(self) -> bytes:
        """The end of an array that is whole."""
        return b"]" if self._begun else b"[]"

    def _item(self, data: bytes) -> bytes:
        mark, self._begun = (b",\r\n" if self._begun else b"["), True
        return mark + data


class ObjectScanner:
    """Finds the objects in an array that arrives in pieces: `[{…}`, `,{…}`, `]`."""

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._seen = 0
        self._depth = 0
        self._in_string = self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that these bytes complete. Raises EventTooLarge."""
        buffer, at, start = self._buffer, self._seen, 0
        buffer += data
        found = []
        while at < len(buffer):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            match = (_INSIDE if self._in_string else _OUTSIDE).search(buffer, at)
            if match is None:
                break
            at, mark = match.end(), match[0]
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\\":
                self._escaped = True
            elif mark == b"{":
                if not self._depth:
                    start = at - 1
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    found.append(bytes(buffer[start:at]))
        del buffer[: start if self._depth else len(buffer)]
        self._seen = len(buffer)
        if len(buffer) > self._limit:
            raise EventTooLarge(f"an object of the stream is larger than {self._limit} bytes")
        return found


def _values(events: list[Event]) -> Iterator[Any]:
    for event in events:
        if event.data.strip() not in (b"", DONE):
            yield orjson.loads(event.data)
