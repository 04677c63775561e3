"""SQLAlchemy engines for a database: one for the event loop, one for migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from tianji_core.store.url import Database

BUSY = 15.0
"""Seconds that a writer waits for another one at SQLite's file."""


def async_engine(database: Database) -> AsyncEngine:
    """The engine that calls use. Nothing is connected yet."""
    if database.kind == "sqlite":
        options: dict[str, Any] = {"poolclass": StaticPool} if database.path == ":memory:" else {}
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=database.path), connect_args={"timeout": BUSY}, **options
        )
        _prepare_sqlite(engine.sync_engine)
        return engine
    return create_async_engine(
        _postgres(database),
        connect_args=_connect_args(database),
        pool_size=database.connection_limit or 10,
        max_overflow=0,
        pool_timeout=database.pool_timeout or 10,
        pool_recycle=3600,
        pool_pre_ping=True,
    )


def sync_engine(database: Database) -> Engine:
    """An engine for migrations, which Alembic runs without an event loop."""
    if database.kind == "sqlite":
        engine = create_engine(URL.create("sqlite", database=database.path), connect_args={"timeout": BUSY})
        _prepare_sqlite(engine)
        return engine
    return create_engine(_postgres(database), connect_args=_connect_args(database), pool_size=1)


def _postgres(database: Database) -> URL:
    return URL.create(
        "postgresql+psycopg",
        username=database.user,
        password=database.password,
        host=database.host,
        port=database.port,
        database=database.name,
    )


def _connect_args(database: Database) -> dict[str, Any]:
    """What libpq and psycopg are told."""
    told = {"application_name": "tianji", "connect_timeout": round(database.connect_timeout or 5), **database.options}
    settings = []
    if database.schema:
        settings.append(f"-c search_path={database.schema}")
    if database.socket_timeout:
        settings.append(f"-c statement_timeout={round(database.socket_timeout * 1000)}")
    if settings:
        told["options"] = " ".join([*filter(None, [database.options.get("options")]), *settings])
    if not database.prepares:
        told["prepare_threshold"] = None
    return told


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin when SQLAlchemy says so, with tables in them too
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A transaction that reads first and writes later could not wait for another writer, only fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
