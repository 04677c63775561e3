"""Uvicorn with writes that go out back to back, and with pieces of streams that need no coroutine.

Uvicorn writes as soon as there is something to write. Here what is written in one round of the event loop waits for
the end of the round, where all of it goes out: one write for each connection, one right after the other (see `outbox`).

Framing, checks, limits and shutdown stay uvicorn's own. The class leaned on is internal to it, so this is only put in
place for versions that the tests have seen; with others uvicorn runs as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tianji_core.server.asgi import PUSH
from tianji_core.server.outbox import Outbox, outbox_of

SEEN = ("0.54.",)
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


class QuickProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection, with the extension PUSH for its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        outlet = Outlet(transport, outbox_of(self.loop))
        super().connection_made(cast(asyncio.Transport, outlet))
        self._extensions = {PUSH: {"push": pusher(outlet, self.flow)}}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # which knows uvicorn's only


def pusher(outlet: Outlet, flow: FlowControl) -> Callable[[bytes], bool]:
    """What takes pieces of chunked bodies for a connection."""
    write, is_closing = outlet.write, outlet.is_closing

    def push(piece: bytes) -> bool:
        if flow.write_paused or is_closing():
            return False
        write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    return push


def protocol() -> str:
    """What uvicorn's option `http` should be: ours, if this uvicorn is one that it was tested with."""
    if uvicorn.__version__.startswith(SEEN):
        return f"{__name__}:{QuickProtocol.__name__}"
    return "httptools"
