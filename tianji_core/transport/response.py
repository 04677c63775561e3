"""The response of the httptools engine: a buffer between a connection that writes and one task that reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from tianji_core.api.http import Headers

from .contract import BODY_LIMIT, UpstreamResponse
from .decompress import Decompressor
from .errors import LimitExceeded, TransportError

if TYPE_CHECKING:
    from .connection import Connection

HIGH_WATER = 256 * 1024
"""Unread bytes at which the connection stops reading from its socket."""

_NO_HEADERS = Headers()


class HttptoolsResponse(UpstreamResponse):
    """One exchange as its caller sees it.

    It belongs to its connection until the message is complete or has failed; then `connection` is None, what is
    buffered stays readable, and the connection may serve someone else.

    A failure is kept as (class, message) and raised as a new exception each time: an exception kept here would hold
    its traceback, that our frames, and those this buffer, until the garbage collector came by.
    """

    __slots__ = (
        "_loop",
        "_sink",
        "_waiter",
        "_wanted",
        "buffered",
        "complete",
        "connection",
        "decompressor",
        "failure",
        "headers",
        "pieces",
        "received",
        "status",
        "touched",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[bool] | None = None  # True: the sink has had enough
        self._sink: Callable[[bytes], bool] | None = None
        self._wanted = 0  # buffered bytes worth waking the reader for
        self.connection: Connection | None = connection
        self.decompressor: Decompressor | None = None
        self.failure: tuple[type[TransportError], str] | None = None
        self.pieces: list[bytes] = []
        self.buffered = 0  # bytes in `pieces`
        self.received = 0  # body bytes so far
        self.touched = False  # a byte of an answer has arrived
        self.complete = False
        self.status = 0
        self.headers = _NO_HEADERS

    # -- the contract -----------------------------------------------------------------------------------------------

    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        while not self.complete and self.failure is None and self.buffered <= limit:
            await self._wait(limit + 1)
        if self.failure is not None:
            raise self.error()
        if self.buffered > limit:
            self._drop()
            raise LimitExceeded(f"response body has more than {limit} bytes", sent=True)
        body = self._take()
        decompressor = self.decompressor
        if decompressor is not None:
            decompressor.push(body)
            body = decompressor.pull_all(limit)
        return body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.decompressor is not None:
            return await self._next_plain(self.decompressor)
        while not self.pieces:
            if self.failure is not None:
                raise self.error()
            if self.complete:
                raise StopAsyncIteration
            await self._wait(1)
        return self._take()

    async def _next_plain(self, decompressor: Decompressor) -> bytes:
        while True:
            if plain := self._pull(decompressor):
                return plain
            if self.pieces:
                decompressor.push(self._take())
            elif self.failure is not None:
                raise self.error()
            elif self.complete:
                decompressor.finish()
                raise StopAsyncIteration
            else:
                await self._wait(1)

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        if self.decompressor is not None:
            return await super().pour(sink)
        while True:
            if self.pieces:
                if not sink(self._take()):
                    return True
            elif self.failure is not None:
                raise self.error()
            elif self.complete:
                return False
            else:
                self._sink = sink
                try:
                    if await self._wait(1):
                        return True
                finally:
                    self._sink = None

    async def aclose(self) -> None:
        if self.failure is None and (self.connection is not None or self.pieces):
            self._drop()

    # -- for the engine ---------------------------------------------------------------------------------------------

    async def arrived(self) -> None:
        """Return once the head is there, or the exchange has failed (`failure`)."""
        if self.failure is None:
            await self._wait(0)

    def abandon(self) -> None:
        """Give the exchange up, waking whoever waits for it."""
        self._drop()
        self._wake()

    def error(self) -> TransportError:
        """The failure as an exception."""
        kind, message = self.failure or (TransportError, "no failure")
        return kind(message, sent=True)

    # -- for the connection -----------------------------------------------------------------------------------------

    def progress(self) -> bool:
        """Bytes came in, the head being there: wake a waiting reader. Returns True if enough is buffered unread."""
        buffered = self.buffered
        waiter = self._waiter
        if waiter is not None and buffered >= self._wanted and not waiter.done():
            sink = self._sink
            if sink is None:
                waiter.set_result(False)
            else:  # pour it: the reader sleeps on, unless the sink has had enough or trips over it
                try:
                    if not sink(self._take()):
                        waiter.set_result(True)
                except Exception as error:
                    waiter.set_exception(error)
                    del waiter  # or it and this frame, which the error's traceback holds, would hold one another
                return False
        return buffered >= HIGH_WATER and buffered >= self._wanted

    def finish(self) -> None:
        """The message is complete; the connection has let go of it."""
        self.connection = None
        self.complete = True
        self._wake()

    def fail(self, kind: type[TransportError], message: str) -> None:
        """The exchange came to nothing; the connection has let go of it."""
        self.connection = None
        self.failure = (kind, message)
        self._wake()

    # -- in words ---------------------------------------------------------------------------------------------------

    async def _wait(self, wanted: int) -> bool:
        """Sleep until `wanted` bytes are buffered, or the message is complete or failed. A cancel closes it all.

        Returns True if a sink took the bytes meanwhile and has had enough.
        """
        if self._waiter is not None:
            raise RuntimeError("a response is read by one task only")
        self._wanted = wanted
        connection = self.connection
        if connection is not None:
            connection.resume_reading()
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        try:
            return await waiter
        except BaseException:
            self._drop()
            raise
        finally:
            self._waiter = None
            self._wanted = 0

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(False)

    def _take(self) -> bytes:
        """Everything buffered, as one piece."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return data

    def _pull(self, decompressor: Decompressor) -> bytes:
        try:
            return decompressor.pull()
        except TransportError:
            self._drop()
            raise

    def _drop(self) -> None:
        """Forget what is unread, and the connection with it if the message is not complete."""
        self.pieces.clear()
        self.buffered = 0
        if self.failure is None:
            self.failure = (TransportError, "the response was closed before its end")
        connection = self.connection
        if connection is not None:
            self.connection = None
            connection.abandon()
