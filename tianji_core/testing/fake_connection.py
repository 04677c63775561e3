"""One connection of the fake upstream: HTTP/1.1 by hand, with an ear on the client while it answers."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from tianji_core.api.http import Headers
from tianji_core.testing.fake_upstream import Answer, Disconnect, ReceivedRequest

if TYPE_CHECKING:
    from tianji_core.testing.fake_upstream import FakeUpstream

BODILESS = frozenset({204, 304})


class ClientGone(Exception):
    """The client closed its side before the answer was whole."""


class Connection:
    """Serves requests until the client hangs up or an answer says so."""

    def __init__(
        self, upstream: FakeUpstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._upstream = upstream
        self._reader = reader
        self._writer = writer
        self._number = number
        self._buffer = b""
        self._reading: asyncio.Task[bytes] | None = None
        self._sent = 0

    async def run(self) -> None:
        try:
            while (request := await self._request()) is not None:
                self._upstream.note_request(request)
                self._sent = 0
                try:
                    goes_on = await self._answer(self._upstream.next_answer(request))
                except (ClientGone, ConnectionError):
                    self._upstream.note_disconnect(Disconnect(request, time.monotonic(), self._sent))
                    return
                if not goes_on or (request.headers.get("connection") or "").lower() == "close":
                    break
            self._writer.close()
            await self._writer.wait_closed()
        finally:
            if self._reading is not None:
                self._reading.cancel()

    # -- reading -------------------------------------------------------------------------------------------------

    async def _request(self) -> ReceivedRequest | None:
        head = await self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = Headers((name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line))
        if (headers.get("expect") or "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in (headers.get("transfer-encoding") or "").lower():
            body = await self._chunked()
        else:
            body = await self._exactly(int(headers.get("content-length") or 0))
        return ReceivedRequest(method, target, headers, body, self._number, time.monotonic())

    async def _chunked(self) -> bytes:
        body = b""
        while size := int((await self._until(b"\r\n") or b"0").partition(b";")[0], 16):
            body += await self._exactly(size)
            await self._until(b"\r\n")
        while await self._until(b"\r\n"):
            pass  # trailers
        return body

    async def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not await self._more():
                return None
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not await self._more():
                raise ConnectionError("the client closed in the middle of its request")
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def _more(self) -> bool:
        data = await self._listening()
        self._reading = None
        self._buffer += data
        return bool(data)

    def _listening(self) -> asyncio.Task[bytes]:
        """The read under way. It goes on while an answer is sent: its end tells that the client has gone."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._reader.read(65536))
        return self._reading

    # -- answering -----------------------------------------------------------------------------------------------

    async def _answer(self, answer: Answer) -> bool:
        """Send it. False if the connection is to be closed. Raises ClientGone."""
        if answer.silent:
            await self._pause(None)
        await self._pause(answer.delay)
        bodiless = answer.status in BODILESS
        self._writer.write(head_of(answer))
        left = answer.cut_at
        for piece in (answer.body,) if answer.pieces is None else answer.pieces:
            if not isinstance(piece, bytes):
                await self._pause(piece)
                continue
            if left is not None:
                piece, left = piece[:left], left - len(piece)
            if piece and not bodiless:
                self._sent += len(piece)
                await self._send(piece if answer.pieces is None else b"%x\r\n%b\r\n" % (len(piece), piece))
            if left is not None and left <= 0:
                if answer.reset:
                    sock = self._writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self._writer.transport.abort()
                return False
        if answer.pieces is not None:
            await self._send(b"0\r\n\r\n")
        else:
            await self._send(b"")
        return (Headers(answer.headers).get("connection") or "").lower() != "close"

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        await self._pause(0)

    async def _pause(self, seconds: float | None) -> None:
        """Wait (without end if None), or less: until the client hangs up."""
        listening = self._listening()
        await asyncio.wait({listening}, timeout=seconds)
        if listening.done() and not listening.result():
            raise ClientGone
        if listening.done():  # the next request, sent ahead
            self._buffer += listening.result()
            self._reading = None
            if seconds is None:
                await self._pause(None)


def head_of(answer: Answer) -> bytes:
    """Status line and fields, framed as the answer says, unless it brings its own framing."""
    fields = list(answer.headers)
    names = {name.lower() for name, _ in fields}
    if not names & {"content-length", "transfer-encoding"} and answer.status not in BODILESS:
        framing = ("transfer-encoding", "chunked")
        fields.append(framing if answer.pieces is not None else ("content-length", str(len(answer.body))))
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")
