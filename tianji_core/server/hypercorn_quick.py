"""Hypercorn with less work for each request.

Hypercorn makes and cancels a task for the idle time-out of a connection with every request, writes head, body and end
of an answer one by one, and has h11 check each name of each header field anew; h11 goes through the fields by index,
many times. Here one timer does for the first, what is written within one round of the event loop goes out together,
names are checked once, and fields are gone through as a list. Protocols, limits and shutdown stay hypercorn's own. The
parts leaned on are internal to it, so this is only put in place for versions that the tests have seen; with others
hypercorn runs as it comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any
from wsgiref.handlers import format_date_time

import h11
import hypercorn.asyncio.run as hypercorn_run
import hypercorn.protocol as hypercorn_protocol
import hypercorn.protocol.h2
import hypercorn.protocol.h11
from h11._headers import Headers
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.frame_protocol import CloseReason

from tianji_core.server.asgi import ANSWER, taken_apart
from tianji_core.server.fields import RawHeader, are_plain, lines_of
from tianji_core.server.pings import PING_EVERY, PONG_WITHIN
from tianji_core.transport.outbox import outbox_of

SEEN = ("0.18.",)
HIGH_WATER = 64 * 1024
"""Unsent bytes at which the application has to wait for the client."""


class QuickConfig(Config):
    """Hypercorn's config, with the date written once a second instead of once an answer."""

    _written: tuple[int, list[tuple[bytes, bytes]]] = (0, [])

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        if self.alt_svc_headers or self.include_server_header or self._quic_addresses:
            return super().response_headers(protocol)
        now = int(time.time())
        if self._written[0] != now:
            self._written = (now, [(b"date", format_date_time(now).encode("ascii"))])
        return self._written[1] if self.include_date_header else []


def fields_of(headers: Headers) -> Iterator[tuple[bytes, bytes]]:
    """What iterating over h11's header fields gives. Its own way goes by index, one field after the other."""
    return iter([(name, value) for _, name, value in headers._full_items])


@dataclass(frozen=True, slots=True)
class Written(StreamEvent):
    """A whole answer, whose head is written already but for the server's own fields."""

    lines: bytes
    body: bytes

    def events(self) -> list[StreamEvent]:
        """The same as hypercorn has it."""
        [start, body] = taken_apart({"status": 200, "lines": self.lines, "body": self.body})
        return [
            Response(self.stream_id, start["headers"], start["status"]),
            Body(self.stream_id, body["body"]),
            EndBody(self.stream_id),
        ]


class QuickHTTPStream(HTTPStream):
    """A request and its answer, with the extension ANSWER for whole answers of HTTP/1.1."""

    async def handle(self, event: StreamEvent) -> None:
        await super().handle(event)
        if isinstance(event, Request) and event.http_version == "1.1" and event.method != "HEAD":
            # The application's task has been made and not begun: nothing in between waits.
            self.scope["extensions"][ANSWER] = {}

    async def app_send(self, message: ASGISendEvent | None) -> None:
        if message is None or message["type"] != ANSWER:
            await super().app_send(message)
            return
        written: Any = message
        if written["body"] is None or written["status"] != 200 or self.state != ASGIHTTPState.REQUEST:
            for part in taken_apart(written):
                await super().app_send(part)
            return
        self.response = {"type": "http.response.start", "status": 200, "headers": []}
        await self.send(Written(self.stream_id, written["lines"], written["body"]))
        self.state = ASGIHTTPState.CLOSED
        await self.config.log.access(self.scope, self.response, time.time() - self.start_time)
        await self.send(StreamClosed(stream_id=self.stream_id))


_ANSWERED = h11.Response(status_code=200, headers=[(b"content-length", b"0")])
"""What h11 is told of an answer that it did not write: all it keeps of one is that it has been."""
_OK = b"HTTP/1.1 200 \r\n"
"""As h11 writes it, without the words that HTTP/1.1 no longer needs (RFC 9112 §4)."""
_common: tuple[list[RawHeader], bytes] = ([], b"")


def _written(common: list[RawHeader]) -> bytes:
    """The lines of the fields that the server adds to every answer, which change with each second."""
    global _common
    if _common[0] is not common:
        _common = (common, lines_of(common))
    return _common[1]


class QuickH11Protocol(H11Protocol):
    """HTTP/1.1 on one connection; the heads of answers are made from checked parts."""

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, Written):
            await self._send_written(event)
            return
        if (
            isinstance(event, Response)
            and event.status_code >= 200
            and self.keep_alive_requests < self.config.keep_alive_max_requests
        ):
            fields = [*event.headers, *self.config.response_headers("h11")]
            if are_plain(fields):
                headers = Headers([(name, name, value) for name, value in fields])
                await self._send_h11_event(h11.Response(headers=headers, status_code=event.status_code))
                return
        await super().stream_send(event)

    async def _send_written(self, answer: Written) -> None:
        connection = self.connection
        if (
            not isinstance(connection, h11.Connection)
            or connection.our_state is not h11.SEND_RESPONSE
            or connection.their_http_version != b"1.1"
            or not connection._cstate.keep_alive
            or self.keep_alive_requests >= self.config.keep_alive_max_requests
        ):
            for event in answer.events():
                await self.stream_send(event)
            return
        connection._process_event(h11.SERVER, _ANSWERED)
        connection._process_event(h11.SERVER, h11.EndOfMessage())
        common = _written(self.config.response_headers("h11"))
        length = b"content-length: %d\r\n" % len(answer.body)
        await self.send(RawData(b"".join((_OK, answer.lines, length, common, b"\r\n", answer.body))))

    async def _check_protocol(self, event: h11.Request) -> None:
        # Nothing but an upgrade, or the preface of HTTP/2, makes another protocol of a request.
        if event.method == b"PRI" or any(name == b"upgrade" for _, name, _ in event.headers._full_items):
            await super()._check_protocol(event)


class IdleTimer:
    """Stands in for hypercorn's task of the same purpose: closes a connection that has been idle for too long."""

    def __init__(self, server: QuickTCPServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    async def restart(self, task_group: Any, action: Callable[[], Any]) -> None:
        self.start()

    async def stop(self) -> None:
        self.cancel()

    def start(self) -> None:
        self.cancel()
        seconds = self._server.config.keep_alive_timeout
        self._timer = self._server.loop.call_later(seconds, self._server.close_idle)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def idle(self) -> bool:
        return self._timer is not None


class QuickTCPServer(TCPServer):
    """One connection."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.timer = IdleTimer(self)
        self.idle_task = self.timer  # type: ignore[assignment]
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._outbox = outbox_of(self.loop)
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        watcher = self.loop.create_task(self._close_when_terminated())
        try:
            await super().run()
        finally:
            watcher.cancel()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            if not event.data:
                return
            if not self._unsent:
                self._outbox.add(self)
            self._unsent.append(event.data)
            self._unsent_bytes += len(event.data)
            # All that is not with the kernel yet: an application that never waits must not pile it up here.
            if self._unsent_bytes + self.writer.transport.get_write_buffer_size() > HIGH_WATER:
                self.flush()
                try:
                    await self.writer.drain()
                except (ConnectionError, RuntimeError):
                    await self.protocol.handle(Closed())
        elif isinstance(event, Updated):
            if event.idle:
                self.timer.start()
            else:
                self.timer.cancel()
        else:
            self.flush()
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        if self.config.read_timeout is not None:
            await super()._read_data()
            return
        reader, handle = self.reader, self.protocol.handle
        while not reader.at_eof():
            try:
                data = await reader.read(MAX_RECV)
            except OSError:  # resets, time-outs and TLS errors all are
                break
            await handle(RawData(data))
        await handle(Closed())

    def close_idle(self) -> None:
        """Close the connection; nobody is using it."""
        self.timer.cancel()
        if self._closing is None:
            self._closing = self.loop.create_task(self._initiate_server_close())

    def flush(self) -> None:
        if self._unsent:
            data = b"".join(self._unsent)
            self._unsent.clear()
            self._unsent_bytes = 0
            if not self.writer.transport.is_closing():
                self.writer.write(data)

    async def _close_when_terminated(self) -> None:
        """At shutdown idle connections go at once; busy ones go by themselves after their answer."""
        await self.context.terminated.wait()
        if self.timer.idle:
            self.close_idle()


class PatientWSStream(WSStream):
    """One WebSocket. Hypercorn keeps the client's code of a close to itself, forgets to tell the application of a
    message that was too large, asks no client whether it is still there, and offers a compression without limits.
    """

    _code: int | None = None
    _reason: str | None = None
    _ended = False
    _heard = True
    _beat: asyncio.TimerHandle | None = None
    _ping: asyncio.Task[None] | None = None

    async def handle(self, event: StreamEvent) -> None:
        if isinstance(event, StreamClosed) and not self.closed:
            self.closed = True
            self._stop_beat()
            if self.app_put is not None and not self._ended:
                idle = self.state in {ASGIWebsocketState.HTTPCLOSED, ASGIWebsocketState.CLOSED}
                code = self._code or (1000 if idle else 1006)
                await self.app_put({"type": "websocket.disconnect", "code": code, "reason": self._reason})
            return
        await super().handle(event)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        if message is None and self.app_put is not None:
            # The application has ended: nobody takes anything out of its queue, so nobody may wait for a place in it.
            self._ended = True
            queue = _queue_of(self.app_put)
            while not queue.empty():
                queue.get_nowait()
        await super().app_send(message)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.handshake.extensions = None
        await super()._accept(message)
        self._beat = asyncio.get_running_loop().call_later(PING_EVERY, self._look)

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            self._heard = True
            if isinstance(event, Message):
                try:
                    self.buffer.extend(event)
                except FrameTooLargeError:
                    await self._close(CloseReason.MESSAGE_TOO_BIG)
                    break
                if event.message_finished:
                    if not self._ended:
                        await self.app_put(self.buffer.to_message())  # type: ignore[misc]
                    self.buffer.clear()
            elif isinstance(event, Ping):
                await self._send_wsproto_event(event.response())
            elif isinstance(event, CloseConnection):
                self._code, self._reason = int(event.code), event.reason
                if self.connection.state == ConnectionState.REMOTE_CLOSING:
                    await self._send_wsproto_event(event.response())
                await self.send(StreamClosed(stream_id=self.stream_id))

    async def _close(self, code: int) -> None:
        self._code = code
        await self._send_wsproto_event(CloseConnection(code=code))
        await self.send(StreamClosed(stream_id=self.stream_id))

    def _look(self) -> None:
        """Ask the client whether it is there; one that has not said a word since it was asked is not."""
        self._beat = None
        if self.closed:
            return
        loop = asyncio.get_running_loop()
        # While the application takes nothing, nothing is read, and so nothing heard.
        alive = self._heard or _queue_of(self.app_put).full()
        self._heard = False
        self._ping = loop.create_task(self._send_wsproto_event(Ping()) if alive else self._close(1011))
        if alive:
            self._beat = loop.call_later(PONG_WITHIN, self._look)

    def _stop_beat(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None


def _queue_of(put: Any) -> asyncio.Queue[Any]:
    """The queue that events for an application go into, from its `put`."""
    queue: asyncio.Queue[Any] = put.__self__
    return queue


def quicken() -> type[Config]:
    """Put the quicker connection in place, if this hypercorn is one that it was tested with; which config to use."""
    if metadata.version("hypercorn").startswith(SEEN):
        setattr(hypercorn_run, "TCPServer", QuickTCPServer)  # noqa: B010 - it is not exported for this
        setattr(Headers, "__iter__", fields_of)  # noqa: B010 - nor does h11 offer a place for it
        setattr(hypercorn_protocol, "H11Protocol", QuickH11Protocol)  # noqa: B010 - nor is this
        setattr(hypercorn.protocol.h11, "HTTPStream", QuickHTTPStream)  # noqa: B010 - nor is this
        for protocol in (hypercorn.protocol.h11, hypercorn.protocol.h2):
            setattr(protocol, "WSStream", PatientWSStream)  # noqa: B010 - nor is this
        return QuickConfig
    return Config
