"""The connections to one origin: reuse, a limit, and a fair queue behind it.

A slot is the right to have one connection open. `busy` counts the slots in use (connecting, or carrying an exchange),
`idle` holds the rest of the open connections. A slot that becomes free while callers wait goes straight to the one
that waits longest, with its connection if that is clean: so nobody overtakes, and `idle` is empty while anyone waits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf

from .connection import Connection
from .contract import Limits, Timeouts
from .deadline import after
from .dial import NotPublic, dial
from .errors import ConnectError, ConnectTimeout, ForbiddenAddress, PoolTimeout, TLSError, TotalTimeout, TransportError
from .head import Origin
from .outbox import outbox_of


class Pool:
    """Connections to one origin; `take` is the fast path, `acquire` waits and connects."""

    __slots__ = (
        "__weakref__",
        "_context",
        "_loop",
        "_public_only",
        "_sweeper",
        "_waiting",
        "busy",
        "closed",
        "idle",
        "limits",
        "origin",
        "outbox",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        origin: Origin,
        limits: Limits,
        context: Callable[[], ssl.SSLContext],
        *,
        public_only: bool = False,
    ) -> None:
        """`context` is asked for TLS settings when (and only when) a TLS connection is opened."""
        self._public_only = public_only
        self._loop = loop
        self._context = context
        self._sweeper: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self.origin = origin
        self.outbox = outbox_of(loop)
        self.limits = limits
        self.busy = 0
        self.idle: list[Connection] = []  # least recently used first
        self.closed = False

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return len(self._waiting)

    def take(self, now: float) -> Connection | None:
        """A clean idle connection, the most recently used, with its slot; None if there is none."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.idle_since + self.limits.idle_expiry > now and connection.is_usable():
                self.busy += 1
                return connection
            connection.abort()
        return None

    async def acquire(self, timeouts: Timeouts, total_at: float, *, fresh: bool = False) -> Connection:
        """A connection with its slot, waited for or newly opened; `fresh`: certainly newly opened.

        Raises PoolTimeout, ConnectTimeout, TotalTimeout, TLSError, ConnectError; nothing was sent then.
        """
        if fresh and self.idle and self.busy + len(self.idle) >= self.limits.max_connections:
            self.idle.pop(0).abort()
        if self.busy + len(self.idle) < self.limits.max_connections:
            self.busy += 1
        else:
            connection = await self._wait_for_slot(timeouts, total_at)
            if connection is not None:
                if not fresh and connection.is_usable():
                    return connection
                connection.abort()
        try:
            return await self._connect(timeouts, total_at)
        except BaseException:
            self._pass_on(None)
            raise

    def release(self, connection: Connection, *, reusable: bool) -> None:
        """An exchange is over: its slot, and the connection if `reusable`, are free for the next."""
        if reusable and not self.closed:
            connection.idle_since = self._loop.time()
            self._pass_on(connection)
        else:
            if reusable:
                connection.abort()
            self._pass_on(None)

    def forget(self, connection: Connection) -> None:
        """A connection closed while it carried no exchange."""
        with suppress(ValueError):  # it may have been handed over a moment ago: whoever got it will notice
            self.idle.remove(connection)

    def close(self) -> None:
        """Close what is idle, and from now on what becomes idle."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self.idle:
            self.idle.pop().abort()

    # -- slots ------------------------------------------------------------------------------------------------------

    def _pass_on(self, connection: Connection | None) -> None:
        """Give a slot, perhaps with a clean connection, to the first who waits; else let it rest."""
        waiting = self._waiting
        while waiting:
            waiter = waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self.busy -= 1
        if connection is None:
            return
        self.idle.append(connection)
        if len(self.idle) > self.limits.max_idle:
            self.idle.pop(0).abort()
        if self._sweeper is None and self.idle:
            self._sweeper = self._loop.call_later(self.limits.idle_expiry, self._sweep)

    async def _wait_for_slot(self, timeouts: Timeouts, total_at: float) -> Connection | None:
        loop = self._loop
        now = loop.time()
        pool_at = after(now, timeouts.pool)
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append(waiter)
        # A time-out ends the wait as a cancel would; which of the two it was is told by the flag.
        timer = loop.call_at(min(pool_at, total_at), _expire, waiter) if min(pool_at, total_at) < inf else None
        try:
            return await waiter
        except _Expired:
            self._waiting.remove(waiter)
            if total_at < pool_at:
                raise TotalTimeout(f"{self.origin}: no connection slot within {timeouts.total} s") from None
            raise PoolTimeout(f"{self.origin}: no connection slot within {timeouts.pool} s") from None
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())  # cancelled in the moment of getting it: the next one's turn
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _connect(self, timeouts: Timeouts, total_at: float) -> Connection:
        loop, origin = self._loop, self.origin
        tls = self._context() if origin.scheme == "https" else None
        connect_at = after(loop.time(), timeouts.connect)
        when = min(connect_at, total_at)
        try:
            async with asyncio.timeout_at(when if when < inf else None) as patience:
                sock = await dial(loop, origin.host, origin.port, public_only=self._public_only)
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self), sock=sock, ssl=tls, server_hostname=origin.host if tls else None
                )
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or error.reason or type(error).__name__
            raise TLSError(f"{origin}: TLS handshake failed: {reason}") from None
        except NotPublic:
            raise ForbiddenAddress(f"{origin}: not a public address") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: no name server could be asked for such a host
            what = self._connect_error(error, timeouts, expired=patience.expired(), total=total_at < connect_at)
            raise what from None
        return connection

    def _connect_error(self, error: Exception, timeouts: Timeouts, *, expired: bool, total: bool) -> TransportError:
        if expired and total:
            return TotalTimeout(f"{self.origin}: not connected within {timeouts.total} s")
        if expired:
            return ConnectTimeout(f"{self.origin}: not connected within {timeouts.connect} s")
        return ConnectError(f"{self.origin}: cannot connect: {getattr(error, 'strerror', None) or error}")

    # -- expiry -----------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Close what has been idle too long, and look again when the next may be."""
        self._sweeper = None
        idle, expiry = self.idle, self.limits.idle_expiry
        now = self._loop.time()
        while idle and idle[0].idle_since + expiry <= now + 0.01:
            idle.pop(0).abort()
        if idle:
            self._sweeper = self._loop.call_at(idle[0].idle_since + expiry, self._sweep)


class _Expired(Exception):
    """The time of a waiter is over: a signal between two functions of this module, never seen outside."""


def _expire(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(_Expired())
