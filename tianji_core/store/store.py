"""The store as the gateway holds it: closed until somebody needs it, and allowed to be away."""

from __future__ import annotations

import asyncio
import time
from random import uniform
from typing import TYPE_CHECKING

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.store.url import DEFAULT_URL, Database, check_url
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.store.database import Opened

log = get_logger("tianji.store")

SWEEP_EVERY = 600.0
"""Seconds between two looks for what has expired, within a fifth more or less: replicas take turns."""
RETRY_AFTER = 1.0
"""Seconds for which a database that could not be opened is not asked again: calls fail at once meanwhile."""


class StoreUnavailableError(ServiceUnavailableError):
    """The database is away. What does not need it goes on."""

    def __init__(self, message: str = "The database is not available.") -> None:
        super().__init__(message, retry_after=RETRY_AFTER)


class Store:
    """Opens the database when it is first needed, migrating its tables.

    With `configured` (somebody named a database) that is at start-up already; without, a file in the working directory
    is made only once a call needs it.
    """

    def __init__(self, database: Database | None = None) -> None:
        self.configured = database is not None
        self.database = database if database is not None else check_url(DEFAULT_URL)
        self._opened: Opened | None = None
        self._lock = asyncio.Lock()
        self._failed_at = float("-inf")
        self._users = 0
        self._sweeping: asyncio.Task[None] | None = None

    def is_for(self, database: Database | None) -> bool:
        """Whether this is the store of that database."""
        return self.configured == (database is not None) and (database is None or database == self.database)

    @property
    def opened(self) -> Opened | None:
        """The open database; None if nobody has needed it, or it could not be opened."""
        return self._opened

    @property
    def in_use(self) -> bool:
        """Whether there is a database: somebody has named one, or it was made once a call needed it."""
        return self._opened is not None or self.configured or self._exists()

    async def start(self) -> None:
        """One more gateway uses this. A database that is away is no reason not to start: it is tried again."""
        self._users += 1
        if self.in_use:
            try:
                await self.ready()
            except StoreUnavailableError:
                log.error("the database is not available", database=self.database.shown)

    async def ready(self) -> Opened:
        """The open database. Raises StoreUnavailableError."""
        if self._opened is not None:
            return self._opened
        if time.monotonic() - self._failed_at < RETRY_AFTER:
            raise StoreUnavailableError
        async with self._lock:
            if self._opened is None:
                try:
                    self._opened = await asyncio.to_thread(_open, self.database)
                    self._sweeping = asyncio.get_running_loop().create_task(_sweep(self._opened))
                except StoreUnavailableError:
                    self._failed_at = time.monotonic()
                    raise
        return self._opened

    async def aclose(self) -> None:
        """One gateway fewer uses this; the last one closes it."""
        self._users -= 1
        if self._users <= 0 and self._opened is not None:
            opened, self._opened = self._opened, None
            if self._sweeping is not None:
                self._sweeping.cancel()
                await asyncio.wait([self._sweeping])
            await opened.aclose()

    def _exists(self) -> bool:
        from pathlib import Path

        return self.database.kind == "sqlite" and Path(self.database.path).exists()


async def _sweep(opened: Opened) -> None:
    """Forget what has expired, now and then. Nobody finds it any more; this gives back the room that it takes."""
    wait = SWEEP_EVERY * uniform(0.02, 0.1)  # noqa: S311 - no secret; not in the first call's way
    while True:
        await asyncio.sleep(wait)
        wait = SWEEP_EVERY * uniform(0.8, 1.2)  # noqa: S311
        try:
            gone = await opened.objects.sweep()
        except StoreUnavailableError:
            continue
        if gone:
            log.info("expired objects forgotten", count=gone)


def _open(database: Database) -> Opened:
    """Migrate and open. Raises StoreUnavailableError, having logged why."""
    try:
        from tianji_core.store.database import open_database
    except ImportError as error:
        log.error("the database's driver is not installed", error=str(error))
        raise StoreUnavailableError from error
    return open_database(database)
