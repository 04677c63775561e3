"""The engine for what the other one leaves out: HTTP proxies, HTTP/2, odd set-ups; also fine off the hot path.

httpx's transport is called directly, without a client object: no cookies, redirects, default headers or environment.
Its time-outs count per socket read, so here `first_byte` and `between_chunks` bound each silence, and `total` alone
bounds a head that drips. An idle connection is checked by httpcore before reuse; nothing is ever sent twice.
httpx is imported by the first transport made: it costs more than the rest of the core's imports.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tianji_core.api.http import Headers, UpstreamRequest

from .contract import BODY_LIMIT, DEFAULT_LIMITS, DEFAULT_TIMEOUTS, Limits, Timeouts, Transport, UpstreamResponse
from .decompress import Decompressor, decompressor_for
from .errors import (
    ConnectError,
    ConnectTimeout,
    FirstByteTimeout,
    InvalidRequest,
    LimitExceeded,
    PoolTimeout,
    ProtocolError,
    ReadTimeout,
    ResponseTruncated,
    TLSError,
    TotalTimeout,
    TransportError,
    WriteTimeout,
)
from .head import CHUNKED, USER_AGENT, Origin, encode_head, split_url
from .tls import ClientCertificate, Verify, build_context
from .upload import length_of, parts_of

if TYPE_CHECKING:
    import httpx

_DESCRIBES_CODED = frozenset({"content-encoding", "content-length"})


class HttpxTransport(Transport):
    """See `Transport`. `proxy`: url of an HTTP or SOCKS proxy, credentials allowed; `http2`: offer it over TLS."""

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT_LIMITS,
        ssl_verify: Verify = True,
        ssl_certificate: ClientCertificate | None = None,
        proxy: str | None = None,
        http2: bool = False,
    ) -> None:
        import httpx

        self._httpx = httpx
        self._closed = False
        self._inner = httpx.AsyncHTTPTransport(
            verify=build_context(ssl_verify, ssl_certificate),
            http1=True,
            http2=http2,
            proxy=proxy,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_idle,
                keepalive_expiry=limits.idle_expiry,
            ),
        )

    async def send(self, request: UpstreamRequest, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> UpstreamResponse:
        if self._closed:
            raise ConnectError("the transport is closed")
        loop = asyncio.get_running_loop()
        origin, target, host = split_url(request.url)
        body = request.body
        # The other engine's head is built for its checks: both refuse the same requests, with the same words.
        length = length_of(body, request.length)
        encode_head(request, f" {target} HTTP/1.1\r\nhost: {host}\r\n", length)
        given = {name.lower() for name, _ in request.headers}
        unasked = (("accept-encoding", "identity"), ("user-agent", USER_AGENT))
        headers = [*request.headers, *(field for field in unasked if field[0] not in given)]
        if length != CHUNKED and not isinstance(body, bytes):
            headers.append(("content-length", str(length)))
            body = parts_of(body, length)
        # httpcore looks this dict up again for each phase, so it can be changed once the head is there.
        patience = {
            "connect": timeouts.connect,
            "pool": timeouts.pool,
            "write": timeouts.write,
            "read": timeouts.first_byte,
        }
        total_at = None if timeouts.total is None else loop.time() + timeouts.total
        outgoing = self._httpx.Request(
            request.method,
            request.url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            content=body,
            extensions={"timeout": patience},
        )
        with _Translated(self._httpx, origin, in_head=True):
            async with _Total(total_at, origin):
                response = await self._inner.handle_async_request(outgoing)
        patience["read"] = timeouts.between_chunks
        return HttpxResponse(self._httpx, response, origin, total_at)

    async def aclose(self) -> None:
        self._closed = True
        await self._inner.aclose()


class HttpxResponse(UpstreamResponse):
    """A response of httpx's transport behind our contract."""

    __slots__ = (
        "_chunks",
        "_decompressor",
        "_done",
        "_failure",
        "_httpx",
        "_origin",
        "_response",
        "_total_at",
        "headers",
        "status",
    )

    def __init__(self, module: Any, response: httpx.Response, origin: Origin, total_at: float | None) -> None:
        self._httpx = module
        self._response = response
        self._origin = origin
        self._total_at = total_at
        self._chunks: AsyncIterator[bytes] = response.stream.__aiter__()  # type: ignore[union-attr]  # async by origin
        self._decompressor: Decompressor | None = None
        self._done = False
        self._failure: tuple[type[TransportError], str] | None = None  # raised anew each time, as a class and words
        self.status = response.status_code
        self.headers = Headers([(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw])
        coding = ",".join(self.headers.get_all("content-encoding"))
        if (decompressor := decompressor_for(coding)) is not None:
            self._decompressor = decompressor
            self.headers = Headers([field for field in self.headers if field[0] not in _DESCRIBES_CODED])

    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                await self._give_up(LimitExceeded, f"response body has more than {limit} bytes")
                break
            pieces.append(piece)
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message, sent=True)
        return b"".join(pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        decompressor = self._decompressor
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message, sent=True)
        try:
            while True:
                if decompressor is not None and (plain := decompressor.pull()):
                    return plain
                data = b"" if self._done else await self._next_chunk()
                if self._done:
                    if decompressor is not None:
                        decompressor.finish()
                    raise StopAsyncIteration
                if decompressor is not None:
                    decompressor.push(data)
                elif data:
                    return data
        except TransportError as error:
            await self._give_up(type(error), str(error))
            raise
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        if not self._done and self._failure is None:
            await self._give_up(TransportError, "the response was closed before its end")

    async def _give_up(self, kind: type[TransportError], message: str) -> None:
        self._failure = (kind, message)
        with suppress(self._httpx.HTTPError):  # the connection is given up either way
            await self._response.aclose()

    async def _next_chunk(self) -> bytes:
        """The next bytes as they came; sets `_done` at the end."""
        with _Translated(self._httpx, self._origin, in_head=False):
            async with _Total(self._total_at, self._origin):
                try:
                    return await self._chunks.__anext__()
                except StopAsyncIteration:
                    self._done = True
                    await self._response.aclose()
                    return b""


class _Total:
    """`async with`: the rest of the total time; TotalTimeout when it is over."""

    def __init__(self, at: float | None, origin: Origin) -> None:
        self._timeout = asyncio.timeout_at(at)
        self._origin = origin

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *details: Any) -> None:
        try:
            await self._timeout.__aexit__(*details)
        except TimeoutError:
            raise TotalTimeout(f"{self._origin}: the exchange took too long", sent=True) from None


class _Translated:
    """`with`: httpx's errors leave as ours. Their texts are not passed on: some quote urls or bytes of the peer."""

    def __init__(self, module: Any, origin: Origin, *, in_head: bool) -> None:
        self._httpx = module
        self._origin = origin
        self._in_head = in_head

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._httpx.HTTPError):
            raise self._translate(error) from None

    def _translate(self, error: Exception) -> TransportError:
        httpx, at = self._httpx, self._origin
        if isinstance(error, httpx.ConnectTimeout):
            return ConnectTimeout(f"{at}: not connected in time")
        if isinstance(error, httpx.PoolTimeout):
            return PoolTimeout(f"{at}: no connection slot in time")
        if isinstance(error, httpx.ConnectError):
            if _is_tls(error):
                return TLSError(f"{at}: TLS handshake failed")
            return ConnectError(f"{at}: cannot connect")
        if isinstance(error, httpx.ProxyError):
            return ConnectError(f"{at}: the proxy refused")
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return InvalidRequest(f"{at}: the request cannot be sent")
        if isinstance(error, httpx.WriteTimeout):
            return WriteTimeout(f"{at}: the server took no request byte in time", sent=True)
        if isinstance(error, httpx.ReadTimeout):
            if self._in_head:
                return FirstByteTimeout(f"{at}: no response head in time", sent=True)
            return ReadTimeout(f"{at}: silence inside the response body", sent=True)
        if isinstance(error, httpx.NetworkError) or _is_cut(error):
            return ResponseTruncated(f"{at}: connection lost before the response was complete", sent=True)
        return ProtocolError(f"{at}: malformed response", sent=True)


def _is_tls(error: BaseException) -> bool:
    """Whether an ssl error is among the causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _is_cut(error: Exception) -> bool:
    """Whether a protocol error only says that the server closed too early (h11 has no class for it)."""
    text = str(error)
    return "without sending" in text or "closed connection" in text
