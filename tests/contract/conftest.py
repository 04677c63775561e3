"""Contract tests: the whole application over ASGI, against scripted vendors on real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from fake_openai import FakeOpenAI

WHO = """
from tianji_core.api.call import Principal

async def who(request, key):
    roles = {"boss": {"proxy_admin"}}.get(key, {"internal_user"})
    models = {"few": {"gpt"}}.get(key, set())
    return Principal(user_id=key, key_hash="h", roles=frozenset(roles), models=frozenset(models))
"""


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIANJI_INITIAL_RETRY_DELAY", "0.01")
    monkeypatch.setenv("TIANJI_MAX_RETRY_DELAY", "0.02")
    monkeypatch.setenv("TIANJI_JITTER", "0")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def with_callers(serving, config_beside, tmp_path):
    """`with_callers(main, …)`: an application whose callers are called as their keys are, with a database.

    "boss" is an admin, "few" may call the model `gpt` only.
    """

    def run(main, url=f"sqlite:///{tmp_path}/store.db", rows=(), **config):
        general = {"database_url": url, "custom_auth": "who.who", **config.pop("general", {})}
        path = config_beside({"model_list": list(rows), "general_settings": general, **config}, who=WHO)

        async def outer():
            async with serving(path) as client:
                return await main(client)

        return asyncio.run(outer())

    return run


@pytest.fixture
def openai(fake_upstream):
    """OpenAI on a real socket: `fake_upstream` answers for it."""
    fake = FakeOpenAI()
    fake_upstream.answer(script=fake.script)
    return fake


@pytest.fixture
def leftovers():
    """Rows of objects and pieces in the database of a client's application."""

    async def count(client):
        opened = await client.app.serving.gateway.store.ready()
        async with opened.read() as connection:
            objects = await connection.exec_driver_sql("SELECT count(*) FROM tianji_object")
            pieces = await connection.exec_driver_sql("SELECT count(*) FROM tianji_piece")
            return objects.scalar_one(), pieces.scalar_one()

    return count


@pytest.fixture
def several(serving):
    """Runs `main(*clients)` with so many applications of one config."""

    def run(config, count, main):
        async def outer():
            async with AsyncExitStack() as stack:
                return await main(*[await stack.enter_async_context(serving(config)) for _ in range(count)])

        return asyncio.run(outer())

    return run
