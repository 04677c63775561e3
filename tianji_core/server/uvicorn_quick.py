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

from tianji_core.server.asgi import PUSH
from tianji_core.server.fields import are_plain
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
        if self.disconnected or self.flow.write_paused or self.access_log:
            await super().send(message)
        elif not self.response_started:
            if not self._begin(message):
                await super().send(message)
        elif not self._end(message):
            await super().send(message)

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


class QuickProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, with the extension PUSH for its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        outlet = Outlet(transport, outbox_of(self.loop))
        super().connection_made(cast(asyncio.Transport, outlet))
        self._extensions = {PUSH: {"push": pusher(outlet, self.flow)}}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # which knows uvicorn's only

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        cycle = self.cycle  # still to be started; uvicorn has no place to say what it should be
        if cycle.__class__ is RequestResponseCycle:
            cycle.__class__ = QuickCycle


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
