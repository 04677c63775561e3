"""Uvicorn with less work for each answer: writes that go out back to back, heads made from checked parts, and pieces of
streams that need no coroutine.

Uvicorn writes as soon as there is something to write. Here what is written in one round of the event loop waits for
the end of the round, where all of it goes out: one write a connection, one right after the other (see `outbox`).

Limits, shutdown, and all answers with anything unusual about them stay uvicorn's own. The classes leaned on are
internal to it, so this is only done with versions that the tests have seen; with others uvicorn runs as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tianji_core.server.asgi import ANSWER, PUSH, taken_apart
from tianji_core.server.fields import RawHeader, are_plain, lines_of
from tianji_core.transport.outbox import Outbox, outbox_of

SEEN = ("0.54.",)
_CHUNKED = (b"transfer-encoding", b"chunked")
HIGH_WATER = 64 * 1024
"""With so many bytes a connection does not wait for the end of the round: its client may have to be waited for."""


class Outlet:
    """The transport of a connection as uvicorn sees it."""

    __slots__ = ("_outbox", "_size", "_transport", "_unsent", "is_closing")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._unsent: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._unsent:
            self._outbox.add(self)
        self._unsent.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER:
            self.flush()

    def flush(self) -> None:
        """Write what waits. The transport tells uvicorn when it is too much for the client."""
        unsent = self._unsent
        if unsent:
            data = unsent[0] if len(unsent) == 1 else b"".join(unsent)
            unsent.clear()
            self._size = 0
            if not self.is_closing():
                self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()


class QuickCycle(RequestResponseCycle):
    """One request and its answer."""

    _begun = False
    """Whether the head was written here."""

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == ANSWER:
            if not self._answer(message):
                for part in taken_apart(message):
                    await super().send(part)
        elif self.disconnected or self.flow.write_paused or self.access_log:
            await super().send(message)
        elif not self.response_started:
            if not self._begin(message):
                await super().send(message)
        elif not self._end(message):
            await super().send(message)

    def _answer(self, message: Any) -> bool:
        """Write an answer, or only its head, whose lines are made already; False, and nothing done, if uvicorn has
        more to do for it than that."""
        status, body = message["status"], message["body"]
        if (
            self.disconnected
            or self.flow.write_paused
            or self.access_log
            or self.response_started
            or not self.keep_alive
            or status != 200
            or self.scope["method"] == "HEAD"
            or (common := _written(self.default_headers)) is None
        ):
            return False
        self.response_started = self._begun = True
        self.waiting_for_100_continue = False
        head = (STATUS_LINE[status], common, message["lines"])
        if body is None:
            self.chunked_encoding = True
            self.transport.write(b"".join((*head, b"transfer-encoding: chunked\r\n\r\n")))
            return True
        self.chunked_encoding = False
        self.transport.write(b"".join((*head, b"content-length: %d\r\n\r\n" % len(body), body)))
        self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True

    def _begin(self, message: Any) -> bool:
        """Write the head of an answer; False, and nothing done, for one that uvicorn had better write."""
        if message["type"] != "http.response.start" or not self.keep_alive:
            return False
        status = message["status"]
        fields = [*self.default_headers, *message["headers"]]
        if status < 200 or status in (204, 304) or self.scope["method"] == "HEAD" or not are_plain(fields):
            return False
        lengths = [value for name, value in fields if name == b"content-length"]
        if lengths:
            self.expected_content_length = int(lengths[0])
        else:
            fields.append(_CHUNKED)
        self.chunked_encoding = not lengths
        self.response_started = self._begun = True
        self.waiting_for_100_continue = False
        self.transport.write(b"%b%b\r\n\r\n" % (STATUS_LINE[status], b"\r\n".join([b": ".join(f) for f in fields])))
        return True

    def _end(self, message: Any) -> bool:
        """Write a whole body and be done; False, and nothing done, for anything else."""
        if not self._begun or self.chunked_encoding or self.response_complete or not self.keep_alive:
            return False
        body = message.get("body", b"")
        if (
            message["type"] != "http.response.body"
            or message.get("more_body")
            or len(body) != self.expected_content_length
        ):
            return False
        self.expected_content_length = 0
        self.transport.write(body)
        self.response_complete = True
        self.message_event.set()
        self.on_response()
        return True


_common: tuple[list[RawHeader], bytes | None] = ([], None)
"""The fields that uvicorn adds to every answer, which change with each second, and their lines."""


def _written(common: list[RawHeader]) -> bytes | None:
    """Those fields as lines; None if there is anything odd about them."""
    global _common
    if _common[0] is not common:
        _common = (common, lines_of(common) if are_plain(common) else None)
    return _common[1]


class QuickProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, with the extensions PUSH and ANSWER for its requests.

    Uvicorn sets a timer after each answer and stops it with the next request. Here a connection has one timer, which
    looks when it is due whether the connection has been idle for so long.
    """

    _idle_since: float | None = None
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        outlet = Outlet(transport, outbox_of(self.loop))
        super().connection_made(cast(asyncio.Transport, outlet))
        self._extensions = {PUSH: {"push": pusher(outlet, self.flow)}, ANSWER: {}}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # which knows uvicorn's only

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        cycle = self.cycle  # still to be started; uvicorn has no place to say what it should be
        if cycle.__class__ is RequestResponseCycle:
            cycle.__class__ = QuickCycle

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_whether_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return  # the end of the answer under way sets another
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._look_whether_idle)
        else:
            self.timeout_keep_alive_handler()


def pusher(outlet: Outlet, flow: FlowControl) -> Callable[[bytes], bool]:
    """What takes pieces of chunked bodies for a connection."""
    write, is_closing = outlet.write, outlet.is_closing

    def push(piece: bytes) -> bool:
        if flow.write_paused or is_closing():
            return False
        write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    return push


def socket_protocol() -> str:
    """What uvicorn's option `ws` should be: a name, so that what speaks WebSocket is not loaded before it is needed."""
    return f"{__name__}:{websocket.__name__}"


def websocket(**named: Any) -> asyncio.Protocol:
    """The protocol of one connection that has become a WebSocket."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

    from tianji_core.server.uvicorn_websocket import PatientWebSocket

    return (PatientWebSocket if uvicorn.__version__.startswith(SEEN) else WSProtocol)(**named)


def protocol() -> str:
    """What uvicorn's option `http` should be: ours, if this uvicorn is one that it was tested with."""
    if uvicorn.__version__.startswith(SEEN):
        return f"{__name__}:{QuickProtocol.__name__}"
    return "httptools"
