"""From bytes that go by to the values in them: whole JSON, server-sent events, lines or arrays of JSON."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

import orjson

from tianji_core.api.pass_through import Meter
from tianji_core.translate.meters.counts import Counts
from tianji_core.wire.sse import EventTooLarge, SSEDecoder

WHOLE = 1024 * 1024
"""Bytes of an answer that are kept to be read as one."""
TAIL = 64 * 1024
"""Bytes that are kept of a larger one: what counts stands at its end."""
LONGEST_LINE = 1024 * 1024
_COUNTED = re.compile(r'"(usage|usageMetadata|meta)"\s*:\s*(?=\{)')


def meter_for(content_type: str | None, counts: Counts, *, keep: bool = False) -> Meter | None:
    """What reads an answer of this media type; None for one that says nothing to us. `keep`: its JSON is wanted too."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return EventMeter(counts)
    if kind in ("application/x-ndjson", "application/stream+json", "application/jsonl"):
        return LineMeter(counts)
    if kind == "application/json" or kind.endswith("+json"):
        return JsonMeter(counts, keep=keep)
    return None


class _CountingMeter(Meter):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def finish(self) -> None:
        counts = self._counts
        counts.settle()
        self.usage, self.model, self.error = counts.usage, counts.model, counts.error

    def _read(self, data: bytes) -> None:
        if not any(marker in data for marker in self._counts.markers):
            return
        try:
            value = orjson.loads(data)
        except ValueError:
            return
        if isinstance(value, dict):
            self._counts.take(value)


class EventMeter(_CountingMeter):
    """Server-sent events."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(counts)
        self._events: SSEDecoder | None = SSEDecoder()

    def feed(self, data: bytes) -> None:
        if self._events is None:
            return
        try:
            events = self._events.feed(data)
        except EventTooLarge:
            self._events = None  # whatever it is, it is no stream of ours to read
            return
        for event in events:
            self._read(event.data)

    def finish(self) -> None:
        for event in self._events.finish() if self._events is not None else ():
            self._read(event.data)
        super().finish()


class LineMeter(_CountingMeter):
    """A JSON object on each line."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(counts)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n") if b"\n" in data else [self._rest + data]
        for line in lines:
            self._read(line)
        self._rest = rest if len(rest) <= LONGEST_LINE else b""

    def finish(self) -> None:
        self._read(self._rest)
        super().finish()


class JsonMeter(_CountingMeter):
    """One JSON value: an object, or an array of them (as Google streams without `alt=sse`)."""

    def __init__(self, counts: Counts, *, keep: bool = False) -> None:
        super().__init__(counts)
        self._keep = keep
        self._data = bytearray()
        self._cut = False

    def feed(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > (TAIL * 2 if self._cut else WHOLE):
            self._cut = True
            del self._data[:-TAIL]

    def finish(self) -> None:
        if self._cut:
            self._read_tail()
        elif self._keep or any(marker in self._data for marker in self._counts.markers):
            self._read_whole()
        self._data.clear()
        super().finish()

    def _read_whole(self) -> None:
        try:
            value = orjson.loads(self._data)
        except ValueError:
            self._read_tail()  # an array that was cut off
            return
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                self._counts.take(each)
        self.answer = value

    def _read_tail(self) -> None:
        """The last counts that stand in it, whatever is around them."""
        text = self._data.decode("utf-8", "replace")
        for found in reversed(list(_COUNTED.finditer(text))):
            try:
                value: Any = JSONDecoder().raw_decode(text, found.end())[0]
            except (ValueError, RecursionError):
                continue
            self._counts.take({found[1]: value})
            return
