"""The contract that both engines keep: send a request, get a response whose body can be read or iterated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest

from .errors import InvalidRequest

if TYPE_CHECKING:
    from .head import Origin
    from .websocket import WebSocket

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes that `UpstreamResponse.read` accepts unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Patience in seconds for each phase of an exchange; None = no limit.

    connect         DNS + TCP + TLS
    pool            waiting for a free connection slot
    write           no progress while sending
    first_byte      request sent -> response head
    between_chunks  silence inside a body (not counted while the reader itself holds the stream back)
    total           the whole exchange, from `send` to the last byte of the body
    """

    connect: float | None = 3.0
    pool: float | None = 10.0
    write: float | None = 60.0
    first_byte: float | None = 600.0
    between_chunks: float | None = 300.0
    total: float | None = 6000.0
    shortest: float = field(init=False, repr=False, compare=False)
    """The smallest of those that run on an open connection: how often its one timer has to look (see deadline.py)."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.init and (value := getattr(self, each.name)) is not None and not value > 0:
                raise ValueError(f"time-out {each.name} must be positive")
        on_connection = (self.write, self.first_byte, self.between_chunks, self.total)
        object.__setattr__(self, "shortest", min((t for t in on_connection if t is not None), default=inf))


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one transport may hold open, and how much head it reads.

    max_connections   open connections per origin (scheme, host, port); callers beyond it wait in turn
    max_idle          connections per origin kept open for reuse
    idle_expiry       seconds an idle connection is kept; must stay below the keep-alive of common servers
    max_head_bytes    status line and header fields of one response, informational responses included; also the most
                      framing (chunk extensions, trailers) that may pass without a body byte
    max_headers       header fields of one response
    """

    max_connections: int = 1000
    max_idle: int = 100
    idle_expiry: float = 30.0
    max_head_bytes: int = 64 * 1024
    max_headers: int = 256

    def __post_init__(self) -> None:
        if self.max_connections < 1 or self.max_idle < 0 or self.max_head_bytes < 1 or self.max_headers < 1:
            raise ValueError("limits must be positive (max_idle may be 0)")


DEFAULT_LIMITS = Limits()


class Usage(NamedTuple):
    """Connections of one origin, counted; `waiting` are requests that wait for one."""

    busy: int
    idle: int
    waiting: int


class UpstreamResponse(ABC):
    """One answer whose head has arrived.

    The body is read once, by one task: `read()` for all of it or `async for` for pieces as they arrive. A response
    must be read to its end or closed (`aclose`, `async with`); a connection whose response was not read to its end is
    closed, never reused.

    A gzip or deflate body is decompressed; `headers` then lacks `content-encoding` and `content-length`, so that they
    describe the bytes handed out. Other codings are passed through with their header.
    """

    __slots__ = ()

    status: int
    headers: Headers

    @abstractmethod
    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole (rest of the) body, decompressed.

        Raises LimitExceeded if it has more than `limit` bytes, before or after decompression; ResponseTruncated,
        ProtocolError, ReadTimeout, TotalTimeout as the exchange goes.
        """

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decompressed: whatever came in since the last step, never an empty piece.

        Raises like `read`, after the pieces that arrived before the failure.
        """

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand the pieces of the body to `sink`. True: it has had enough (it said False). False: this was the end.

        May be called again, and in turn with iterating; raises like that. An engine may call `sink` straight from the
        event loop, in the moment that a piece comes in. What `sink` raises is raised here.
        """
        async for piece in self:
            if not sink(piece):
                return True
        return False

    @abstractmethod
    async def aclose(self) -> None:
        """Drop what is unread. Safe to call more than once, and after a failure."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Transport(ABC):
    """An engine that carries requests. It belongs to the event loop of its first `send`."""

    @abstractmethod
    async def send(self, request: UpstreamRequest, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> UpstreamResponse:
        """Send a request and return once the head of its final response is there.

        1xx responses are skipped, redirects are handed out as they are, proxies of the environment are ignored.
        Cancelling the caller closes the connection at once. Raises TransportError (see errors.py), or whatever the
        caller's own body iterable raised.
        """

    async def open_websocket(
        self, request: UpstreamRequest, timeouts: Timeouts = DEFAULT_TIMEOUTS, *, limit: int = BODY_LIMIT
    ) -> WebSocket | UpstreamReply:
        """Open a WebSocket on a connection of its own; the answer itself, if the server gives another than 101.

        `limit` is how large a message may be that comes in. Raises TransportError. Of the time-outs `connect`,
        `first_byte` and `write` count here.
        """
        raise InvalidRequest("this engine opens no WebSocket")

    def usage(self) -> Mapping[Origin, Usage]:
        """What is open now, for each origin; nothing of an engine that does not count."""
        return {}

    @abstractmethod
    async def aclose(self) -> None:
        """Close idle connections and refuse new requests; exchanges under way run to their end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
