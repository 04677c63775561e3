"""Databases to test with: a file of SQLite, and a schema of its own on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.store import check_url
from tianji_core.store.database import open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def database(url):
    return check_url(url)


@pytest.fixture
def with_store(database):
    """Runs `main(opened, …)` on one event loop with `count` open stores of the same database."""

    def run(main, count=1):
        async def outer():
            opened = [await asyncio.to_thread(open_database, database) for _ in range(count)]
            try:
                return await main(*opened)
            finally:
                for each in opened:
                    await each.aclose()

        return asyncio.run(outer())

    return run
