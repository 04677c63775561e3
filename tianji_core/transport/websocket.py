"""WebSockets to upstreams (RFC 6455): wsproto knows the protocol, the connection is dialled as all others are.

Messages go out and come in one by one, and nothing is queued: whoever does not read slows the server down, and
`send` waits for a server that does not. Extensions, compression among them, are not offered.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest

from .contract import Timeouts
from .dial import NotPublic, dial
from .errors import (
    ConnectError,
    ConnectTimeout,
    FirstByteTimeout,
    ForbiddenAddress,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    ReadTimeout,
    ResponseTruncated,
    TLSError,
    TransportError,
    WriteTimeout,
)
from .head import USER_AGENT, Origin, split_url

Message = str | bytes

NO_CODE = 1005
"""What a close without a code counts as (RFC 6455 §7.1.5); it is never sent."""
TOO_BIG = 1009
PING_EVERY = 20.0
"""Seconds of silence after which the server is asked whether it is still there; after twice that it is not."""
CLOSE_PATIENCE = 1.0
"""Seconds that the server has to answer a close."""
MAX_REFUSAL = 1024 * 1024
"""More of an answer that is no WebSocket is not read."""
_READ = 64 * 1024
_HIGH_WATER = 64 * 1024
_OURS = frozenset({"host", "connection", "upgrade", "content-length", "transfer-encoding"})


class WebSocket:
    """An open WebSocket. One task may receive while another sends. It has to be closed, whatever happens."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeouts: Timeouts, limit: int
    ) -> None:
        self.headers = Headers()
        """The header fields of the server's 101."""
        self.close_code: int | None = None
        """Why the server has closed, once `receive` gave None."""
        self.close_reason = ""
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._reader = reader
        self._writer = writer
        self._timeouts = timeouts
        self._limit = limit
        self._ready: deque[Message] = deque()
        self._pieces: list[str | bytes] = []
        self._size = 0
        self._failure: TransportError | None = None
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._listens = False
        self._beat: asyncio.TimerHandle | None = None

    async def receive(self) -> Message | None:
        """The next message; None once the server has closed, see `close_code`.

        Raises ResponseTruncated, ProtocolError, LimitExceeded or ReadTimeout, after the messages that came before.
        """
        while not self._ready:
            if self.close_code is not None:
                return None
            if self._failure is not None:
                raise self._failure
            data = await self._read()
            if data:
                self._feed(data)
            elif not self._is_over():
                self._failure = ResponseTruncated("the connection ended without a close", sent=True)
        return self._ready.popleft()

    async def send(self, message: Message) -> None:
        """Send a message, and wait while the server is slow to take it. Raises ResponseTruncated or WriteTimeout."""
        event = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        try:
            data = self._protocol.send(event)
        except LocalProtocolError:
            raise ResponseTruncated("the server has closed", sent=True) from None
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size() > _HIGH_WATER:
            await self._drain()

    async def close(self, code: int = 1000, reason: str = "", *, patience: float = CLOSE_PATIENCE) -> None:
        """Say goodbye with this code, give the server some seconds to do the same, and let go. Nobody may be receiving.

        What it still sends is not read. Doing so twice is harmless.
        """
        try:
            with suppress(LocalProtocolError):  # it has been said already
                self._write(CloseConnection(CloseReason.NO_STATUS_RCVD if code == NO_CODE else code, reason))
            async with asyncio.timeout(patience):
                while not self._is_over():
                    data = await self._read()
                    if not data:
                        break
                    self._feed(data)
                    self._ready.clear()
            self._let_go()
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go at once; what the kernel has not taken yet is lost."""
        if not self._let_go():
            self._writer.transport.abort()

    def _let_go(self) -> bool:
        """Close the connection once all is written; whether that is so already, or was asked for before."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        transport = self._writer.transport
        if transport.is_closing():
            return True
        done = transport.get_write_buffer_size() == 0
        transport.close()
        return done

    # -- the handshake ---------------------------------------------------------------------------------------------

    async def shake_hands(self, request: UpstreamRequest, target: str, host: str) -> UpstreamReply | None:
        """Ask for the WebSocket. Gives the answer, if it is another. Raises TransportError."""
        try:
            self._write(Request(host, target, extra_headers=_fields(request)))
        except (h11.LocalProtocolError, UnicodeError):
            raise InvalidRequest("the handshake cannot be written") from None  # the cause quotes the fields
        refusal: UpstreamReply | None = None
        try:
            async with asyncio.timeout(self._timeouts.first_byte):
                while True:
                    data = await self._read()
                    self._protocol.receive_data(data or None)
                    for event in self._protocol.events():
                        if isinstance(event, AcceptConnection):
                            self.headers = _headers(event.extra_headers)
                            self._beat = self._loop.call_later(PING_EVERY, self._look)
                        elif isinstance(event, RejectConnection):
                            refusal = UpstreamReply(event.status_code, _headers(event.headers), b"")
                            if not event.has_body:
                                return refusal
                        elif isinstance(event, RejectData) and refusal is not None:
                            refusal.body += event.data
                            if event.body_finished or len(refusal.body) > MAX_REFUSAL:
                                return refusal
                        else:
                            self._take(event)
                    if self._beat is not None:
                        return None
                    if not data:
                        raise ResponseTruncated("the connection ended before an answer", sent=True)
        except TimeoutError:
            if refusal is not None:
                return refusal
            raise FirstByteTimeout(f"no answer within {self._timeouts.first_byte} s", sent=True) from None
        except RemoteProtocolError:
            if self._reader.at_eof():
                raise ResponseTruncated("the connection ended before an answer", sent=True) from None
            raise ProtocolError("the server's answer is no handshake", sent=True) from None

    def _is_over(self) -> bool:
        return self.close_code is not None or self._failure is not None

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def _read(self) -> bytes:
        """What has come in; nothing at the end of the connection."""
        self._heard = self._loop.time()
        self._listens = True
        try:
            data = await self._reader.read(_READ)
        except OSError:
            data = b""
        finally:
            self._listens = False
        self._heard = self._loop.time()
        return data

    def _feed(self, data: bytes) -> None:
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                self._take(event)
        except LocalProtocolError:
            pass  # more bytes after the close

    def _take(self, event: Event) -> None:
        if isinstance(event, (TextMessage, BytesMessage)):
            self._pieces.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
            self._size += len(event.data)
            if self._size > self._limit:
                self._failure = LimitExceeded(f"a message has more than {self._limit} bytes", sent=True)
                self._pieces.clear()
                with suppress(LocalProtocolError):
                    self._write(CloseConnection(TOO_BIG))
            elif event.message_finished:
                self._ready.append(_joined(self._pieces))
                self._pieces.clear()
                self._size = 0
        elif isinstance(event, Ping):
            with suppress(LocalProtocolError):
                self._write(event.response())
        elif isinstance(event, CloseConnection):
            if self._protocol.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED):
                self.close_code, self.close_reason = int(event.code), event.reason or ""
                with suppress(LocalProtocolError):
                    self._write(event.response())
            else:  # wsproto's way to say that these are no frames
                self._failure = ProtocolError("the server sent no valid frame", sent=True)

    def _write(self, event: Event) -> None:
        data = self._protocol.send(event)
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def _drain(self) -> None:
        """Wait until the server has taken enough. Slow is all right; not taking anything for `write` seconds is not."""
        transport = self._writer.transport
        while True:
            before = transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(self._timeouts.write):
                    await self._writer.drain()
                return
            except TimeoutError:
                if transport.get_write_buffer_size() >= before:
                    raise WriteTimeout(f"no progress within {self._timeouts.write} s", sent=True) from None
            except OSError:
                raise ResponseTruncated("the connection broke", sent=True) from None

    # -- is it still there? ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask a server that has been silent for a while. The silence of one that nobody listens to says nothing."""
        silence = self._loop.time() - self._heard if self._listens else 0.0
        if silence >= 2 * PING_EVERY - 1:
            self._failure = ReadTimeout("the server does not answer pings", sent=True)
            self._beat = None
            self._writer.transport.abort()
            return
        if silence >= PING_EVERY - 1:
            with suppress(LocalProtocolError):
                self._write(Ping())
        self._beat = self._loop.call_later(PING_EVERY, self._look)


async def connect(
    request: UpstreamRequest,
    timeouts: Timeouts,
    context: Callable[[], ssl.SSLContext],
    *,
    public_only: bool = False,
    limit: int,
) -> WebSocket | UpstreamReply:
    """See `Transport.open_websocket`. `context` is asked for TLS settings for `wss` only."""
    url = f"http{request.url.removeprefix('ws')}" if request.url.startswith(("ws:", "wss:")) else request.url
    origin, target, host = split_url(url)
    reader, writer = await _open(origin, timeouts, context, public_only=public_only)
    socket = WebSocket(reader, writer, timeouts, limit)
    try:
        refusal = await socket.shake_hands(request, target, host)
    except BaseException:
        socket.abort()
        raise
    if refusal is None:
        return socket
    socket.abort()
    return refusal


async def _open(
    origin: Origin, timeouts: Timeouts, context: Callable[[], ssl.SSLContext], *, public_only: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    tls = context() if origin.scheme == "https" else None
    try:
        async with asyncio.timeout(timeouts.connect) as patience:
            sock = await dial(asyncio.get_running_loop(), origin.host, origin.port, public_only=public_only)
            return await asyncio.open_connection(
                sock=sock, ssl=tls, server_hostname=origin.host if tls else None, limit=_READ
            )
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", None) or error.reason or type(error).__name__
        raise TLSError(f"{origin}: TLS handshake failed: {reason}") from None
    except NotPublic:
        raise ForbiddenAddress(f"{origin}: not a public address") from None
    except (OSError, UnicodeError) as error:
        if patience.expired():
            raise ConnectTimeout(f"{origin}: not connected within {timeouts.connect} s") from None
        raise ConnectError(f"{origin}: cannot connect: {getattr(error, 'strerror', None) or error}") from None


def _fields(request: UpstreamRequest) -> list[tuple[bytes, bytes]]:
    fields = []
    for name, value in request.headers:
        lowered = name.lower()
        if lowered in _OURS or lowered.startswith("sec-websocket-"):
            raise InvalidRequest(f"header {lowered} is the handshake's own business")
        fields.append((lowered.encode("latin-1"), value.encode("latin-1")))
    if not any(name == b"user-agent" for name, _ in fields):
        fields.append((b"user-agent", USER_AGENT.encode()))
    return fields


def _headers(fields: list[tuple[bytes, bytes]]) -> Headers:
    return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


def _joined(pieces: list[str | bytes]) -> Message:
    if len(pieces) == 1:
        return pieces[0]
    texts = [piece for piece in pieces if isinstance(piece, str)]
    return "".join(texts) if texts else b"".join(piece for piece in pieces if isinstance(piece, bytes))
