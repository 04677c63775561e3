"""A cache as calls use it: it raises nothing, takes its time only once, and is written to beside the calls."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from tianji_core.api.cache import Cache
from tianji_core.gateway.cache.local import LocalCache
from tianji_core.telemetry import get_logger

log = get_logger("tianji.cache")

FAILURES = 3
"""Failures in a row after which a cache is left alone."""
REST = 1.0
"""Seconds until it is tried again, by one call."""
MAX_WAITING = 64 * 1024 * 1024
"""Bytes that may wait to be written; what comes while there are more is not kept."""
WRITE_WITHIN = 5.0


class GuardedCache:
    """One cache, used by a gateway and by the one that takes its place if the config means the same (`origin`)."""

    def __init__(self, cache: Cache, *, timeout: float, kind: str, origin: object = None) -> None:
        self.cache = cache
        self.kind = kind
        self.origin = origin
        self.hits = 0
        """Calls that were answered out of it, …"""
        self.misses = 0
        """… and calls that looked and had to ask all the same."""
        self._timeout = timeout
        self._here = isinstance(cache, LocalCache)
        self._failures = 0
        self._rests_until = 0.0
        self._waiting: deque[tuple[Mapping[str, bytes], float | None]] = deque()
        self._size = 0
        self._writer: asyncio.Task[None] | None = None
        self._users = 0

    async def start(self) -> None:
        """One more gateway uses this."""
        self._users += 1
        if self._users == 1:
            try:
                await asyncio.wait_for(self.cache.start(), WRITE_WITHIN)
            except Exception as error:
                self._failed(error)

    async def aclose(self) -> None:
        """One gateway fewer uses this; the last one writes what waits and closes it."""
        self._users -= 1
        if self._users > 0:
            return
        if self._writer is not None:
            with suppress(Exception):
                await asyncio.wait_for(self._writer, WRITE_WITHIN)
        with suppress(Exception):  # nothing depends on it any more
            await asyncio.wait_for(self.cache.aclose(), WRITE_WITHIN)

    @property
    def up(self) -> bool:
        """Whether it is asked at present: False while it is left alone after failures."""
        return self._failures < FAILURES

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values; None for what is not there, or did not come in time."""
        if self._here:
            return await self.cache.get_many(keys)
        nothing: list[bytes | None] = [None] * len(keys)
        if self._rests():
            return nothing
        try:
            async with asyncio.timeout(self._timeout):
                found = await self.cache.get_many(keys)
        except Exception as error:
            self._failed(error)
            return nothing
        self._succeeded()
        return found if len(found) == len(keys) else nothing

    def write(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """Keep values soon. Never waits."""
        if isinstance(self.cache, LocalCache):
            for key, value in values.items():
                self.cache.values.set(key, value, ttl)
            return
        size = sum(map(len, values.values()))
        if self._size + size > MAX_WAITING:
            return
        self._size += size
        self._waiting.append((values, ttl))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            values, ttl = self._waiting.popleft()
            try:
                if not self._rests():
                    async with asyncio.timeout(WRITE_WITHIN):
                        await self.cache.set_many(values, ttl)
                    self._succeeded()
            except Exception as error:
                self._failed(error)
            finally:
                self._size -= sum(map(len, values.values()))

    def _rests(self) -> bool:
        if self._failures < FAILURES:
            return False
        now = time.monotonic()
        if now < self._rests_until:
            return True
        self._rests_until = now + REST  # this call tries, the others go on without
        return False

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == FAILURES or (self._failures == 1 and self._rests_until == 0.0):
            log.warning(
                "the response cache fails; calls go on without it",
                cache=self.kind,
                error=f"{type(error).__name__}: {error}"[:200],
            )
        if self._failures >= FAILURES:
            self._rests_until = time.monotonic() + REST

    def _succeeded(self) -> None:
        if self._failures >= FAILURES:
            log.info("the response cache works again", cache=self.kind)
        self._failures = 0


class Flights:
    """Calls that are under way, for those that ask for the same meanwhile."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Future[bytes | None]] = {}

    def lead(self, key: str) -> Callable[[bytes | None], None] | None:
        """Be the one that asks; the function tells the others what came of it. None if somebody asks already."""
        if key in self._flights:
            return None
        future = self._flights[key] = asyncio.get_running_loop().create_future()

        def land(answer: bytes | None) -> None:
            self._flights.pop(key, None)
            if not future.done():
                future.set_result(answer)

        return land

    def follow(self, key: str, patience: float | None) -> Awaitable[bytes | None] | None:
        """Wait for what somebody else has asked for; None if nobody has. What is awaited is None if nothing came of
        it, or it takes longer than `patience`."""
        future = self._flights.get(key)
        return None if future is None else _patiently(future, patience)


async def _patiently(future: asyncio.Future[bytes | None], patience: float | None) -> bytes | None:
    try:
        return await asyncio.wait_for(asyncio.shield(future), patience)
    except TimeoutError:
        return None
