"""What the pipeline hands to whoever called it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from tianji_core.accounting import is_reported
from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError, RequestTimeoutError
from tianji_core.api.provider import Binary, Body, LocalReply
from tianji_core.gateway.call import Call
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.routing import Deployment
from tianji_core.transport import TransportError, TransportTimeout
from tianji_core.transport.errors import LimitExceeded, ProtocolError
from tianji_core.wire.sse import DONE_EVENT

Push = Callable[[bytes], bool]
"""Takes a piece for the caller at once, without any waiting, and says True; or does not take it."""


class Source(Protocol):
    """A streamed answer as it arrives: an upstream response, or a provider's own. See `UpstreamResponse.pour`."""

    async def pour(self, sink: Callable[[bytes], bool]) -> bool: ...
    async def aclose(self) -> None: ...


class Reply:
    """A whole answer, in the caller's dialect. `binary` is set where it is no JSON; `body` is empty then."""

    __slots__ = ("binary", "body", "native")

    def __init__(self, body: Body, binary: Binary | None = None, native: Body | None = None) -> None:
        self.body = body
        self.binary = binary
        self.native = native
        """The answer in the caller's own dialect, as the vendor gave it; `body` is for who wants to see it."""


KEPT_BYTES = 64 * 1024
"""Of a stream so much is kept until its end, to count its tokens by if the vendor does not say them."""


class StreamReply:
    """A streamed answer: an async iterator of bytes in the caller's dialect, to be closed whatever happens.

    A failure before the first chunk is raised by `start`, so that another deployment can be tried. A failure after
    it ends the iteration by raising the GatewayError: only the route knows how its dialect tells errors in a stream.

    Most pieces need not go by the iteration: see `push_to`.
    """

    native: bool = False
    """Whether it is in the caller's own dialect already."""
    content_type: str | None = None
    """The media type of a stream that is none of server-sent events of our own making."""

    def __init__(self, call: Call, source: Source, transform: StreamTransform, content_type: str | None = None) -> None:
        self.content_type = content_type
        self._call = call
        self._source = source
        self._transform = transform
        self._push: Push = _refuse
        self._ready = b""  # out of the transform, and the next to go out
        self._ended = False
        self._closed = False
        self._room = KEPT_BYTES
        self._counted = False
        self.pieces: list[bytes] = []
        """What went out, from the beginning to KEPT_BYTES."""
        self.more = 0
        """The bytes that went out after that."""
        self.count: Callable[[StreamReply, bool], Awaitable[bytes]] | None = None
        """Counts the tokens of what went out, where the vendor has not; gives what the client is to read of it. With
        True it counts roughly, but at once."""
        self.on_end: Callable[[StreamReply, GatewayError | None], None] | None = None

    @property
    def transform(self) -> StreamTransform:
        return self._transform

    @property
    def number(self) -> int:
        """The number of the next event, in dialects that number them."""
        return self._transform.number

    @property
    def complete(self) -> bool:
        """Whether it came to its end, and not to an error."""
        return self._ended and self._transform.error is None

    def keep_more(self, size: int) -> None:
        """Keep so many more bytes of what goes out, for whoever wants to see the answer once it is whole."""
        self._room += size

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

    def failure(self, event: bytes) -> bytes | None:
        """What tells a failure in this stream; `event` is what tells it among server-sent events. None if nothing can:
        then the connection has to break off, so that nobody takes the stream for whole.
        """
        kind = self.content_type
        return event if kind is None or kind.startswith("text/event-stream") else None

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
                        self._ready = await self._with_usage(transform.finish())
                        if self._ready:
                            self._note_sent(self._ready)
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
            if self._call.deployment is not None:
                conceal(error, self._call.deployment)
            await self._end(error)
            raise
        await self._end(None)
        raise StopAsyncIteration

    def _pass_on(self, data: bytes) -> bool:
        """Push what comes of these bytes; False ends the step."""
        transform = self._transform
        out = transform.feed(data)
        if out:
            self._note_sent(out)
            if not self._push(out):
                self._ready = out
                return False
        return transform.error is None

    def _note_sent(self, out: bytes) -> None:
        """Keep the beginning of what goes out, and the size of the rest."""
        if self._room > 0:
            self._room -= len(out)
            self.pieces.append(out)
        else:
            self.more += len(out)

    def _take_ready(self) -> bytes:
        ready, self._ready = self._ready, b""
        return ready

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
        """End the stream; `error` says why, if it ends before its time. `quick` if there is no time to count well."""
        await self._end(error, quick)

    async def _end(self, error: GatewayError | None, quick: bool = False) -> None:
        if self._closed:
            return
        await self._release()
        try:
            if self.pieces and self._needs_count():
                if not quick:
                    await asyncio.sleep(0)  # the connection is closed in the loop's next round: before a count begins
                await self._take_count(quick)
        except asyncio.CancelledError:
            await self._take_count(quick=True)
            raise
        finally:  # whatever becomes of the count, the call has to end
            if self.on_end is not None:
                self.on_end(self, error)

    def _needs_count(self) -> bool:
        return self.count is not None and not self._counted and not is_reported(self._transform.usage)

    async def _with_usage(self, out: bytes) -> bytes:
        """The last piece of a stream; where the vendor did not say its usage, with the chunk that tells it put in."""
        if self._transform.error is not None or not self._needs_count():
            return out
        head = out.removesuffix(DONE_EVENT)
        self.pieces.append(head)
        told = await self._take_count()
        self.pieces.pop()
        return head + told + DONE_EVENT

    async def _take_count(self, quick: bool = False) -> bytes:
        told = b"" if self.count is None else await self.count(self, quick)
        self._counted = True  # not before: a count that is cut short is taken again at the end
        return told

    async def _release(self) -> None:
        self._closed = True
        await self._source.aclose()


class HeldStream(StreamReply):
    """A stream that was read and judged before any of it goes out."""

    def __init__(self, call: Call, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    @property
    def number(self) -> int:
        return 0

    def push_to(self, push: Push) -> None:
        """Nothing arrives any more: all of it is here."""

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
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


def conceal(error: GatewayError, deployment: Deployment) -> None:
    """Some vendors echo the key they refuse; the client who reads the error must not learn it."""
    for secret in deployment.secrets:
        if secret in error.message:
            error.message = error.message.replace(secret, "***")
            error.args = (error.message,)
