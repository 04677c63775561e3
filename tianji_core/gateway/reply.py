"""What the pipeline hands to whoever called it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError, RequestTimeoutError
from tianji_core.api.provider import Body, LocalReply
from tianji_core.gateway.call import Call
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.transport import TransportError, TransportTimeout
from tianji_core.transport.errors import LimitExceeded, ProtocolError

Push = Callable[[bytes], bool]
"""Takes a piece for the caller at once, without any waiting, and says True; or does not take it."""


class Source(Protocol):
    """A streamed answer as it arrives: an upstream response, or a provider's own. See `UpstreamResponse.pour`."""

    async def pour(self, sink: Callable[[bytes], bool]) -> bool: ...
    async def aclose(self) -> None: ...


class Reply:
    """A whole answer, in the caller's dialect."""

    __slots__ = ("body",)

    def __init__(self, body: Body) -> None:
        self.body = body


class StreamReply:
    """A streamed answer: an async iterator of bytes in the caller's dialect, to be closed whatever happens.

    A failure before the first chunk is raised by `start`, so that another deployment can be tried. A failure after
    it ends the iteration by raising the GatewayError: only the route knows how its dialect tells errors in a stream.

    Most pieces need not go by the iteration: see `push_to`.
    """

    def __init__(self, call: Call, source: Source, transform: StreamTransform) -> None:
        self._call = call
        self._source = source
        self._transform = transform
        self._push: Push = _refuse
        self._ready = b""  # out of the transform, and the next to go out
        self._ended = False
        self._closed = False
        self.on_end: Callable[[StreamReply, GatewayError | None], None] | None = None

    @property
    def transform(self) -> StreamTransform:
        return self._transform

    def push_to(self, push: Push) -> None:
        """Push what arrives while a step of the iteration waits; the step ends with the first piece that is not taken.

        No task is woken for a piece that is pushed, and a cancel, an error and the end come where they always do.
        """
        self._push = push

    async def start(self) -> None:
        """Wait for the first chunk. Raises the GatewayError of a stream that fails before it."""
        try:
            self._ready = await self.__anext__()
        except BaseException:
            await self._release()
            raise
        self._call.first_chunk_at = time.time()

    def __aiter__(self) -> StreamReply:
        return self

    async def __anext__(self) -> bytes:
        if self._ready:
            return self._take_ready()
        transform = self._transform
        try:
            while not self._ended:
                if transform.error is not None:
                    raise transform.error  # what was good has gone out before
                try:
                    if not await self._source.pour(self._pass_on):
                        self._ended = True
                        self._ready = transform.finish()
                except TransportError as error:
                    raise transport_failure(error) from error
                except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                    # What a decoder trips over is the vendor's fault, as in a whole answer.
                    raise BadGatewayError("The provider's answer makes no sense.") from error
                if self._ready:
                    return self._take_ready()
            if transform.error is not None:
                raise transform.error
        except GatewayError as error:
            await self._end(error)
            raise
        await self._end(None)
        raise StopAsyncIteration

    def _pass_on(self, data: bytes) -> bool:
        """Push what comes of these bytes; False ends the step."""
        transform = self._transform
        out = transform.feed(data)
        if out and not self._push(out):
            self._ready = out
            return False
        return transform.error is None

    def _take_ready(self) -> bytes:
        ready, self._ready = self._ready, b""
        return ready

    async def aclose(self, error: GatewayError | None = None) -> None:
        """End the stream; `error` says why, if it ends before its time."""
        await self._end(error)

    async def _end(self, error: GatewayError | None) -> None:
        if self._closed:
            return
        await self._release()
        if self.on_end is not None:
            self.on_end(self, error)

    async def _release(self) -> None:
        self._closed = True
        await self._source.aclose()


class HeldStream(StreamReply):
    """A stream that was read and judged before any of it goes out."""

    def __init__(self, call: Call, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def push_to(self, push: Push) -> None:
        """Nothing arrives any more: all of it is here."""

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration

    async def aclose(self, error: GatewayError | None = None) -> None:
        """Nothing is open any more."""


def _refuse(piece: bytes) -> bool:
    """The push of a reply whose pieces all go by the iteration."""
    return False


class LocalSource:
    """The streamed answer of a provider that needs no network."""

    def __init__(self, reply: LocalReply) -> None:
        self._pieces = iter([(0.0, reply.body)] if isinstance(reply.body, bytes) else reply.body)

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        for delay, data in self._pieces:
            if delay > 0:
                await asyncio.sleep(delay)
            if not sink(data):
                return True
        return False

    async def aclose(self) -> None:
        """Nothing is held."""


def transport_failure(error: TransportError) -> GatewayError:
    """A failure of the connection as the caller is told of it: no host, no address. The cause keeps those."""
    if isinstance(error, TransportTimeout):
        return RequestTimeoutError("The provider did not answer in time.")
    if isinstance(error, (ProtocolError, LimitExceeded)):
        return BadGatewayError("The provider's answer makes no sense.")
    return APIConnectionError("Connection error.")
