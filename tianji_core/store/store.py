"""The store as the gateway holds it: closed until somebody needs it, and allowed to be away."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.store.url import DEFAULT_URL, Database, check_url
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.store.database import Opened

log = get_logger("tianji.store")

RETRY_AFTER = 1.0
"""Seconds for which a database that could not be opened is not asked again: calls fail at once meanwhile."""

SWEEP_EVERY = 3600.0
"""Seconds between two looks for what has expired, give or take half: replicas should not all look at once."""


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
        self._closed = False
        self._sweeper: asyncio.Task[None] | None = None

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

    @property
    def is_held(self) -> bool:
        """Whether a gateway uses this."""
        return self._users > 0

    async def start(self) -> None:
        """One more gateway uses this. A database that is away is no reason not to start: it is tried again."""
        self._users += 1
        self._closed = False
        if self.in_use:
            try:
                await self.ready()
            except StoreUnavailableError:
                log.error("the database is not available", database=self.database.shown)

    async def ready(self) -> Opened:
        """The open database. Raises StoreUnavailableError, after the last gateway's end too."""
        if self._opened is not None:
            return self._opened
        if self._closed or time.monotonic() - self._failed_at < RETRY_AFTER:
            raise StoreUnavailableError
        async with self._lock:
            if self._closed:
                raise StoreUnavailableError
            if self._opened is None:
                try:
                    self._opened = await asyncio.to_thread(_open, self.database)
                except StoreUnavailableError:
                    self._failed_at = time.monotonic()
                    raise
                self._sweeper = asyncio.get_running_loop().create_task(_sweep(self._opened))
        return self._opened

    async def aclose(self) -> None:
        """One gateway fewer uses this; the last one closes it."""
        self._users -= 1
        if self._users > 0:
            return
        self._closed = True
        async with self._lock:  # somebody may be opening it right now
            opened, self._opened = self._opened, None
        if opened is not None:
            if self._sweeper is not None:
                self._sweeper.cancel()
                with suppress(asyncio.CancelledError):
                    await self._sweeper
            await opened.aclose()

    def _exists(self) -> bool:
        from pathlib import Path

        return self.database.kind == "sqlite" and Path(self.database.path).exists()


async def _sweep(opened: Opened) -> None:
    """Forget what has expired, again and again."""
    while True:
        await asyncio.sleep(SWEEP_EVERY * (0.5 + random.random()))  # noqa: S311 - nothing secret
        with suppress(StoreUnavailableError):  # which has been logged
            if forgotten := await opened.objects.sweep():
                log.info("expired objects forgotten", objects=forgotten)


def _open(database: Database) -> Opened:
    """Migrate and open. Raises StoreUnavailableError, having logged why."""
    try:
        from tianji_core.store.database import open_database
    except ImportError as error:
        log.error("the database's driver is not installed", error=str(error))
        raise StoreUnavailableError from error
    return open_database(database)
