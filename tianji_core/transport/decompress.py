"""Content codings we can undo with the standard library, in bounded memory.

We ask upstreams for `identity`; this is for those that compress all the same, and for callers that asked for it.
"""

from __future__ import annotations

import zlib
from collections import deque

from .errors import LimitExceeded, ProtocolError, ResponseTruncated

PIECE = 256 * 1024
"""Most bytes that one `pull` hands out: what a bomb can make us hold beyond its own size."""

_SLICE = 64 * 1024
_MOST_MEMBERS = 64  # of one gzip body; each costs a set-up, so a body of nothing but members would be a bomb of CPU
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def decompressor_for(coding: str) -> Decompressor | None:
    """A decompressor for the value of `content-encoding`, or None if the coding is unknown or stacked."""
    coding = coding.strip().lower()
    if coding in ("gzip", "x-gzip"):
        return Decompressor(gzip=True)
    if coding == "deflate":
        return Decompressor(gzip=False)
    return None


class Decompressor:
    """Push compressed bytes, pull plain ones in pieces; `finish` when no more will come."""

    __slots__ = ("_gzip", "_members", "_pending", "_queue", "_started", "_stream")

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._pending = b""  # what the stream gets next
        self._queue: deque[memoryview] = deque()  # what comes after
        self._started = False
        self._members = 1
        self._stream = zlib.decompressobj(_GZIP if gzip else _ZLIB)

    def push(self, data: bytes) -> None:
        """Add compressed bytes."""
        # In slices, for zlib copies what it could not yet use on every call.
        view = memoryview(data)
        self._queue.extend(view[start : start + _SLICE] for start in range(0, len(data), _SLICE))

    def pull(self, most: int = PIECE) -> bytes:
        """Up to `most` plain bytes; empty when more input is needed. Raises ProtocolError on bad data."""
        while self._pending or self._queue:
            if self._queue and len(self._pending) < 2:
                self._pending += self._queue.popleft()
            if self._stream.eof and not self._next_member():
                continue
            if not self._started and len(self._pending) < 2:
                return b""  # two bytes tell a zlib stream from a raw one
            if plain := self._decompress(most):
                return plain
        # Input is used up, but the stream may still hold plain bytes that did not fit the last pull.
        return b"" if self._stream.eof or not self._started else self._decompress(most)

    def finish(self) -> None:
        """The body has ended and everything was pulled. Raises ResponseTruncated if the compressed stream has not."""
        if self._pending or (self._started and not self._stream.eof):
            raise ResponseTruncated("response body ended inside its compressed stream", sent=True)

    def pull_all(self, limit: int) -> bytes:
        """All plain bytes of the input, which is complete. Raises LimitExceeded beyond `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := self.pull(min(PIECE, limit - size + 1)):
            size += len(piece)
            if size > limit:
                raise LimitExceeded(f"response body has more than {limit} bytes when decompressed", sent=True)
            pieces.append(piece)
        self.finish()
        return b"".join(pieces)

    def _decompress(self, most: int) -> bytes:
        data = self._pending
        if data and not self._started and not self._gzip and not _is_zlib(data):
            self._stream = zlib.decompressobj(_RAW)
        try:
            plain = self._stream.decompress(data, most)
        except zlib.error:
            raise ProtocolError("response body does not fit its content-encoding", sent=True) from None
        self._started = True
        self._pending = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return plain

    def _next_member(self) -> bool:
        """Whether another gzip member follows; zero padding behind the last is dropped, anything else is refused."""
        if not self._gzip:
            raise ProtocolError("response body goes on behind its compressed stream", sent=True)
        self._pending = self._pending.lstrip(b"\0")
        if not self._pending:
            return False
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise ProtocolError("response body has too many gzip members", sent=True)
        self._stream = zlib.decompressobj(_GZIP)
        return True


def _is_zlib(data: bytes) -> bool:
    """Deflate means a zlib stream (RFC 9110 §8.4.1.2), yet some servers send it raw; the header tells (RFC 1950)."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
