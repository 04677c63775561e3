"""Bodies that do not go out in one write: back-pressure while sending, and a stop when the answer comes early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from functools import partial

from tianji_core.api.http import SizedBody

from .connection import Connection
from .errors import InvalidRequest
from .head import CHUNKED
from .response import HttptoolsResponse

_SLICE = 64 * 1024


Body = bytes | bytearray | memoryview | SizedBody | AsyncIterable[bytes]


def length_of(body: object, announced: int | None = None) -> int:
    """The size of a body in bytes, or CHUNKED. Raises InvalidRequest for what is no body."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return len(body)
    if isinstance(body, AsyncIterable):
        if announced is not None and announced < 0:
            raise InvalidRequest("the length of the body is negative")
        return CHUNKED if announced is None else announced
    if isinstance(body, SizedBody):
        return body.size
    raise InvalidRequest("body must be bytes, a SizedBody or an async iterable of bytes")


def parts_of(body: Body, length: int) -> AsyncGenerator[bytes, None]:
    """The body as it goes on the wire, part by part; `length` is what `length_of` says."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return slices(body)
    if not isinstance(body, AsyncIterable):
        return sized(body)
    return chunked(body) if length == CHUNKED else measured(body, length)


async def slices(body: bytes | bytearray | memoryview) -> AsyncGenerator[bytes, None]:
    """A large body in parts, so that the event loop's write buffer never copies all of it."""
    view = memoryview(body).cast("B")
    for start in range(0, len(view), _SLICE):
        yield bytes(view[start : start + _SLICE])


async def sized(body: SizedBody) -> AsyncGenerator[bytes, None]:
    """A body that is read as it goes out. Raises InvalidRequest if it turns out to be of another size than it said."""
    left = body.size
    for piece in body:
        left -= len(piece)
        if left < 0:
            break
        for start in range(0, len(piece), _SLICE):
            yield piece[start : start + _SLICE]
    if left:
        raise InvalidRequest("the body is not of the size that was announced")


async def chunked(body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """An iterable of unknown length in chunked framing; empty parts are skipped, for they would end it."""
    iterator = body.__aiter__()
    try:
        async for part in iterator:
            if len(part):  # what has no length is no bytes, and the caller should hear of it
                yield b"%x\r\n%b\r\n" % (len(part), part)
        yield b"0\r\n\r\n"
    finally:
        # A generator that is left in the middle has to be closed by whoever runs it.
        if (close := getattr(iterator, "aclose", None)) is not None:
            await close()


async def measured(body: AsyncIterable[bytes], length: int) -> AsyncGenerator[bytes, None]:
    """An iterable that was announced to have `length` bytes. Raises InvalidRequest if it has more or fewer: what is
    missing would be taken from the next request, and what is too much would become one.
    """
    iterator = body.__aiter__()
    left = length
    try:
        async for part in iterator:
            left -= len(part)
            if left < 0:
                break
            if part:
                yield part
        if left:
            raise InvalidRequest("the body is not of the size that was announced", sent=True)
    finally:
        if (close := getattr(iterator, "aclose", None)) is not None:
            await close()


async def send_answered(
    connection: Connection, response: HttptoolsResponse, parts: AsyncGenerator[bytes, None]
) -> None:
    """Write `parts` until the head of the answer is there or the exchange has failed, whichever comes first.

    Raises what `parts` raises; the connection is then closed.
    """
    upload = asyncio.get_running_loop().create_task(_write_all(connection, parts))
    upload.add_done_callback(partial(_upload_ended, response))
    try:
        await response.arrived()
    finally:
        upload.cancel()  # does nothing to one that is done
    failed = response.failure is not None and upload.done() and not upload.cancelled()
    if failed and (error := upload.exception()) is not None:
        raise error


def _upload_ended(response: HttptoolsResponse, upload: asyncio.Task[None]) -> None:
    if not upload.cancelled() and upload.exception() is not None and not response.status:
        response.abandon()  # the caller's iterable failed before an answer came: nobody waits for one now


async def _write_all(connection: Connection, parts: AsyncGenerator[bytes, None]) -> None:
    async with aclosing(parts):
        async for part in parts:
            if not await connection.write(part):
                return
    connection.end_upload()
