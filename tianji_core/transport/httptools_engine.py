"""The engine of the hot path: HTTP/1.1 over TCP and TLS, on httptools.

A plain request on a warm connection costs one look-up of its url, one head built and checked, one write, one future.
No task, no timer of its own, no url parsing. Everything dearer sits on the other side of an `if`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from tianji_core.api.http import UpstreamReply, UpstreamRequest

from .connection import Connection
from .contract import BODY_LIMIT, DEFAULT_LIMITS, DEFAULT_TIMEOUTS, Limits, Timeouts, Transport, Usage
from .errors import ConnectError, ResponseTruncated, TransportError
from .head import Origin, encode_head, split_url
from .pool import Pool
from .response import HttptoolsResponse
from .tls import ClientCertificate, Verify, build_context
from .upload import length_of, parts_of, send_answered

if TYPE_CHECKING:
    from .websocket import WebSocket

_ROUTES_KEPT = 2048
_SMALL = 256 * 1024  # bytes of a body that go out with the head in one write


class Route(NamedTuple):
    """What a url comes down to."""

    pool: Pool
    rest_of_line: str


class HttptoolsTransport(Transport):
    """See `Transport`. One more promise: if a kept-alive connection turns out to be closed before any byte of an answer
    and the body is bytes, the request is sent once more, on a fresh connection.
    """

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT_LIMITS,
        ssl_verify: Verify = True,
        ssl_certificate: ClientCertificate | None = None,
        public_only: bool = False,
    ) -> None:
        """With `public_only` it connects to addresses of the public internet alone; others raise ForbiddenAddress."""
        self._public_only = public_only
        self._limits = limits
        self._verify = ssl_verify
        self._certificate = ssl_certificate
        self._ssl_context: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._routes: dict[str, Route] = {}
        # Weak: a pool without connections whose urls were forgotten goes away by itself.
        self._pools: WeakValueDictionary[Origin, Pool] = WeakValueDictionary()
        self._closed = False
        if isinstance(ssl_verify, str) or ssl_certificate is not None:
            self._context()  # files that cannot be used are told now, not with the first request

    async def send(self, request: UpstreamRequest, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> HttptoolsResponse:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        route = self._routes.get(request.url)
        if route is None:
            route = self._add_route(request.url)
        body = request.body
        if type(body) is not bytes or len(body) > _SMALL:
            return await self._send_large(request, route, timeouts)
        data = encode_head(request, route.rest_of_line, len(body)) + body
        now = loop.time()
        total_at = inf if timeouts.total is None else now + timeouts.total
        to_head = request.method == "HEAD"
        connection = route.pool.take(now)
        if connection is None:
            connection = await route.pool.acquire(timeouts, total_at)
            now = loop.time()
        kept_alive = connection.served
        response = HttptoolsResponse(loop, connection)
        connection.begin(response, data, timeouts, now, total_at, to_head=to_head)
        await response.arrived()
        if response.failure is None:
            return response
        if not kept_alive or not _is_stale(response):
            raise response.error()
        connection = await _fresh(route.pool, timeouts, total_at)
        response = HttptoolsResponse(loop, connection)
        connection.begin(response, data, timeouts, loop.time(), total_at, to_head=to_head)
        await response.arrived()
        if response.failure is not None:
            raise response.error()
        return response

    async def open_websocket(
        self, request: UpstreamRequest, timeouts: Timeouts = DEFAULT_TIMEOUTS, *, limit: int = BODY_LIMIT
    ) -> WebSocket | UpstreamReply:
        if self._closed:
            raise ConnectError("the transport is closed")
        from .websocket import connect  # most gateways never need it

        return await connect(request, timeouts, self._context, public_only=self._public_only, limit=limit)

    async def aclose(self) -> None:
        self._closed = True
        self._routes.clear()
        for pool in list(self._pools.values()):
            pool.close()
        await asyncio.sleep(0)  # sockets are closed by the loop's next round

    def usage(self) -> dict[Origin, Usage]:
        return {origin: Usage(pool.busy, len(pool.idle), pool.waiting) for origin, pool in list(self._pools.items())}

    # -- off the fast path ------------------------------------------------------------------------------------------

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise RuntimeError("a transport belongs to the event loop of its first request")
        self._loop = loop

    def _add_route(self, url: str) -> Route:
        if self._closed:
            raise ConnectError("the transport is closed")
        origin, target, host = split_url(url)
        pool = self._pools.get(origin)
        if pool is None:
            pool = Pool(asyncio.get_running_loop(), origin, self._limits, self._context, public_only=self._public_only)
            self._pools[origin] = pool
        if len(self._routes) >= _ROUTES_KEPT:
            self._routes.clear()
        route = self._routes[url] = Route(pool, f" {target} HTTP/1.1\r\nhost: {host}\r\n")
        return route

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = build_context(self._verify, self._certificate)
        return self._ssl_context

    async def _send_large(self, request: UpstreamRequest, route: Route, timeouts: Timeouts) -> HttptoolsResponse:
        """A body that is not written in one go: an upload that an early answer stops."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        total_at = inf if timeouts.total is None else now + timeouts.total
        body = request.body
        length = length_of(body, request.length)
        head = encode_head(request, route.rest_of_line, length)
        connection = route.pool.take(now) or await route.pool.acquire(timeouts, total_at)
        again = connection.served > 0 and not isinstance(body, AsyncIterable)
        while True:
            response = HttptoolsResponse(loop, connection)
            connection.begin(
                response, head, timeouts, loop.time(), total_at, to_head=request.method == "HEAD", uploading=True
            )
            await send_answered(connection, response, parts_of(body, length))
            if response.failure is None:
                return response
            if not again or not _is_stale(response):
                raise response.error()
            again = False
            connection = await _fresh(route.pool, timeouts, total_at)


def _is_stale(response: HttptoolsResponse) -> bool:
    """Whether the server closed without a byte of an answer, as one does that no longer wanted the connection."""
    return not response.touched and response.failure is not None and response.failure[0] is ResponseTruncated


async def _fresh(pool: Pool, timeouts: Timeouts, total_at: float) -> Connection:
    """A new connection for the second try. What fails now fails after a first try: bytes may have been seen."""
    try:
        return await pool.acquire(timeouts, total_at, fresh=True)
    except TransportError as error:
        error.sent = True
        raise
