"""Server-sent events, both ways (WHATWG HTML, "Server-sent events", §9.2.6).

The decoder takes bytes cut anywhere and accepts what vendors really send: LF, CRLF or CR as line ends, `data:` with or
without a space, data over several lines, comment lines.
"""

from __future__ import annotations

from typing import NamedTuple

DONE = b"[DONE]"
"""The data of OpenAI's last event."""
DONE_EVENT = b"data: [DONE]\n\n"

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""More than any vendor sends in one event (images as base64 are the largest); beyond it a stream is garbage."""


class Event(NamedTuple):
    """One event: its type (empty if the stream named none) and its data."""

    event: str
    data: bytes


class EventTooLarge(ValueError):
    """One event outgrew MAX_EVENT_BYTES."""


class SSEDecoder:
    """Cuts a byte stream into events. `feed` and `finish` raise EventTooLarge, nothing else."""

    __slots__ = ("_buffer", "_cr", "_limit")

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._cr = False

    @property
    def pending(self) -> bool:
        """Whether part of an event is waiting for its rest."""
        return self._cr or bool(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        if not data:
            return []
        if self._cr or b"\r" in data:
            data = self._normalise(data)
        buffer = self._buffer
        if buffer:  # looked through from its old end on only: a large event may come in very many pieces
            seen = len(buffer) - 1
            self._keep(data)
            if buffer.find(b"\n\n", seen) < 0:
                return []
            data = bytes(buffer)
            buffer.clear()
        elif b"\n\n" not in data:
            self._keep(data)
            return []
        *blocks, rest = data.split(b"\n\n")
        if rest:
            self._keep(rest)
        return [event for block in blocks if (event := _parse(block)) is not None]

    def finish(self) -> list[Event]:
        """The event that the end of the body completes, if any: not every vendor sends the last blank line."""
        event = _parse(bytes(self._buffer))
        self._buffer.clear()
        return [] if event is None else [event]

    def _keep(self, rest: bytes) -> None:
        self._buffer += rest
        # The line that completes an event may come with much of what follows it: that much is let pass.
        if len(self._buffer) > self._limit and b"\n\n" not in rest:
            raise EventTooLarge(f"an event of the stream is larger than {self._limit} bytes")

    def _normalise(self, data: bytes) -> bytes:
        """Turn CRLF and CR into LF; a CR at the very end may be half of a CRLF and waits for the next byte."""
        if self._cr and data[:1] == b"\n":
            data = data[1:]
        self._cr = data[-1:] == b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse(block: bytes) -> Event | None:
    # The common case first: one line of data, no event name.
    if block.startswith(b"data:") and b"\n" not in block:
        return Event("", block[6:] if block[5:6] == b" " else block[5:])
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    if not data:
        return None
    return Event(name, b"\n".join(data))


def encode_event(data: bytes, event: str = "") -> bytes:
    """One event on the wire. `data` must hold no line end, as JSON on one line does not."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
