"""An open database: its repositories, and its failures as the gateway's own errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji_core.store.engines import async_engine
from tianji_core.store.migrate import MigrationError, upgrade
from tianji_core.store.objects import Objects
from tianji_core.store.pieces import Pieces
from tianji_core.store.rules import Rules
from tianji_core.store.store import StoreUnavailableError, log
from tianji_core.store.url import Database
from tianji_core.store.whole import whole

CLOSE_WITHIN = 10.0
"""Seconds that the end waits for what is still at work on the database."""


class Opened:
    """The repositories of one open database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._engine = async_engine(database)
        self._writing = self._engine.execution_options(writes=True)
        self.objects = Objects(self)
        self.pieces = Pieces(self)
        self.rules = Rules(self)
        self.up = True
        """Whether the last statement reached the database."""
        self._at_work = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from. Raises StoreUnavailableError when the database is away."""
        with failures(self), self._working():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. Raises StoreUnavailableError when the database is away."""
        with failures(self), self._working():
            async with self._writing.begin() as connection:
                yield connection

    @whole
    async def ping(self) -> bool:
        """Whether the database answers."""
        try:
            async with self.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except StoreUnavailableError:
            return False
        return True

    async def aclose(self) -> None:
        """Close all connections, those in use once they are given back: what is being written is written to its end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._at_rest.wait(), CLOSE_WITHIN)
        await self._engine.dispose()

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._at_work += 1
        self._at_rest.clear()
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._at_rest.set()


def open_database(database: Database) -> Opened:
    """Bring the tables to this version and open them. Blocks; raises StoreUnavailableError, having logged why."""
    try:
        before = upgrade(database)
    except (SQLAlchemyError, MigrationError, OSError, ImportError) as error:
        log.error("the database cannot be opened", database=database.shown, error=_reason(error))
        raise StoreUnavailableError from error
    log.info("database opened", database=database.shown, revision_before=before)
    return Opened(database)


@contextmanager
def failures(opened: Opened) -> Iterator[None]:
    """What the driver raises, as StoreUnavailableError; defects of ours stay what they are."""
    try:
        yield
        opened.up = True
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        opened.up = False
        log.error("the database failed", error=_reason(error))
        raise StoreUnavailableError from error


def _reason(error: BaseException) -> str:
    """Why, without statements and their parameters, which may hold what callers wrote."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
