"""Bring a database's tables to this version, one replica at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from tianji_core.store.engines import sync_engine
from tianji_core.store.migrations import HEAD
from tianji_core.store.url import Database

LOCK = 0x7469616E6A69
"""PostgreSQL's advisory lock that a replica holds while it migrates."""


class MigrationError(Exception):
    """The tables are not what this version needs, and cannot be made so."""


def upgrade(database: Database) -> str | None:
    """Migrate to the last revision; gives the revision before, None for an empty database.

    Replicas that start together wait for one another. Raises MigrationError for a database of a newer version, and
    SQLAlchemy's errors.
    """
    with _engine(database) as engine:
        before = _current(engine)
        if before == HEAD:
            return before
        with _locked(engine) as connection:
            before = _revision(connection)  # another replica may have been quicker
            if before != HEAD:
                _run(connection, before)
            return before


def current(database: Database) -> str | None:
    """The revision of the database's tables; None if there are none. Raises SQLAlchemy's errors."""
    if database.kind == "sqlite" and not Path(database.path).exists():
        return None
    with _engine(database) as engine:
        return _current(engine)


def differences(database: Database) -> list[str]:
    """How the tables differ from what this version has in mind, in words."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlmodel import SQLModel

    from tianji_core.store import tables  # noqa: F401 - makes them known

    def is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        return kind != "table" or name is None or name.startswith("tianji_")

    options = {"version_table": "tianji_migration", "include_object": is_ours, "compare_type": True}
    with _engine(database) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return [str(each) for each in compare_metadata(context, SQLModel.metadata)]


def _run(connection: Connection, before: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        if before is not None and before > HEAD:
            raise MigrationError(
                f"The database is at revision {before}, which a newer Tianji has made; this one knows {HEAD}."
            ) from None
        raise MigrationError(f"The database cannot be migrated from revision {before}: {error}") from error


@contextmanager
def _engine(database: Database) -> Iterator[Engine]:
    engine = sync_engine(database)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that no other replica migrates beside."""
    with engine.execution_options(writes=True).begin() as connection:  # on SQLite the file is ours now
        if engine.dialect.name != "sqlite":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield connection


def _current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("tianji_migration"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM tianji_migration")).scalar()
    return found
