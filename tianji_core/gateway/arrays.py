"""Streams as one JSON array in pieces, for clients that do not ask for events."""

from __future__ import annotations

from tianji_core.gateway.dialects import Retold
from tianji_core.gateway.reply import StreamReply
from tianji_core.translate.gemini.framing import ArrayWriter


class ArrayStream(Retold):
    """A stream of events, told as one JSON array. It is closed at the end only, and after an error."""

    content_type = "application/json; charset=UTF-8"

    def __init__(self, reply: StreamReply) -> None:
        super().__init__(reply)
        self._array = ArrayWriter()
        self._over = False

    def failure(self, event: bytes) -> bytes | None:
        return self._array.feed(event) + self._array.end()

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            if self._over:
                raise
            self._over = True
            return self._array.end()

    def _told(self, piece: bytes) -> bytes:
        return self._array.feed(piece)
