"""HTTP as the plugins see it: plain values, no sockets.

A provider turns a call into an `UpstreamRequest` and an `UpstreamReply` back into a response; the transport between
the two belongs to the core. So a provider can be tested on bytes alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable


class Headers:
    """Header fields of one message, in the order they came; names are compared without case.

    Values are text decoded as latin-1, as HTTP/1.1 has it (RFC 9110 §5.5).
    """

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = [(name.lower(), value) for name, value in items]

    @classmethod
    def of_lowered(cls, items: list[tuple[str, str]]) -> Headers:
        """Of fields whose names are in lower case; takes the list itself."""
        made = cls.__new__(cls)
        made._items = items
        return made

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a field, or `default`."""
        name = name.lower()
        for key, value in self._items:
            if key == name:
                return value
        return default

    def get_all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        name = name.lower()
        return [value for key, value in self._items if key == name]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]  # mutable in spirit: a list of fields, not a key

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


@runtime_checkable
class SizedBody(Protocol):
    """A body of known size that is not in memory: read piece by piece, from its beginning for each try."""

    @property
    def size(self) -> int:
        """In bytes; the pieces have to come to that."""

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(slots=True)
class UpstreamRequest:
    """One HTTP request to a vendor.

    `url` is absolute (http or https; ws or wss where a WebSocket is opened). `headers` are sent as they stand and in
    this order; `host`, `content-length` and `transfer-encoding` are the transport's business and must not be among
    them. `body` is bytes, a SizedBody for what is not to be held in memory, or an async iterable of bytes (never
    replayed): of `length` bytes in all, or of unknown length, which is sent with chunked framing.
    """

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | SizedBody | AsyncIterable[bytes] = b""
    length: int | None = None

    def __repr__(self) -> str:  # headers carry credentials and bodies carry prompts: neither belongs in a log
        size = len(self.body) if isinstance(self.body, bytes) else "stream"
        return f"UpstreamRequest({self.method} {self.url.partition('?')[0]}, body={size})"


@dataclass(slots=True)
class UpstreamReply:
    """One whole HTTP answer of a vendor: status, header fields, body as received (content-encoding removed)."""

    status: int
    headers: Headers
    body: bytes


UPLOAD_PIECE = 256 * 1024
"""Bytes of a file that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client sent in a form. `file` is open until the call is over; large ones lie on disk.

    `filename` is the client's word and may be anything: it is for the vendor to read, never a path of ours.
    """

    filename: str
    content_type: str
    file: BinaryIO = field(repr=False)
    size: int

    def read(self) -> bytes:
        """All of it; may be asked again for the next attempt."""
        self.file.seek(0)
        return self.file.read()

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece; may be asked again."""
        place = 0
        while True:
            self.file.seek(place)  # whoever else reads the file may have moved
            piece = self.file.read(UPLOAD_PIECE)
            if not piece:
                return
            place += len(piece)
            yield piece


@dataclass(frozen=True, slots=True)
class Media:
    """A file that was downloaded from an address which a client named."""

    content_type: str
    data: bytes


class Network(Protocol):
    """The network, lent to a provider's async methods. Everything it raises is a GatewayError."""

    async def fetch(
        self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 16 * 1024 * 1024
    ) -> UpstreamReply:
        """Send a request to an address that the config or the vendor names, whatever the status of the answer.

        Raises APIConnectionError, RequestTimeoutError or BadGatewayError.
        """

    async def download(self, url: str, *, limit: int = 20 * 1024 * 1024) -> Media:
        """Get a file from an address that a client names: public hosts only, no redirects.

        Raises BadRequestError, which says no more of what lies inside the network than that it may not be asked.
        """
