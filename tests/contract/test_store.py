"""The store behind a whole application: when it is opened, what readiness says, what a reload keeps."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway


def test_readiness_tells_whether_the_database_is_there(serving, tmp_path):
    async def main():
        config = {"general_settings": {"database_url": f"sqlite:///{tmp_path}/t.db"}}
        async with serving(config) as client:
            assert (await client.get("/health/readiness")).json() == {"status": "healthy", "db": "connected"}
        assert (tmp_path / "t.db").exists()
        config = {"general_settings": {"database_url": f"sqlite:///{tmp_path}/nowhere/t.db"}}
        async with serving(config) as client:
            answer = await client.get("/health/readiness")
            assert (answer.status, answer.json()["db"]) == (200, "Not connected")

    asyncio.run(main())


def test_without_a_database_none_is_made(serving, row, fake_upstream, tmp_path, monkeypatch):
    from tianji_core.testing import Answer

    monkeypatch.chdir(tmp_path)
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            assert (await client.chat()).status == 200
        assert list(tmp_path.glob("*.db*")) == []

    asyncio.run(main())


def test_a_reload_keeps_an_open_database(serving, tmp_path, config_beside):
    def config(name):
        return config_beside({"general_settings": {"database_url": f"sqlite:///{tmp_path}/{name}.db"}})

    async def main():
        async with serving(config("a")) as client:
            before = client.app.serving.gateway.store.opened
            await client.app.reload()
            assert client.app.serving.gateway.store.opened is before
            config("b")
            await client.app.reload()
            opened = client.app.serving.gateway.store.opened
            assert opened is not before
            assert await opened.ping()

    asyncio.run(main())


def test_a_gateway_that_cannot_start_leaves_the_database_to_the_one_before(tmp_path, config_beside):
    config = config_beside({"general_settings": {"database_url": f"sqlite:///{tmp_path}/t.db"}})

    async def main():
        async with Gateway.from_config(config) as first:
            second = Gateway.from_config(config, predecessor=first)
            assert second.store is first.store
            await second.aclose()  # which is what becomes of it where something fails before the store's turn
            assert await (await first.store.ready()).ping()
        assert first.store.opened is None

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("mysql://u:hush@h/n", "begins with mysql:"), ("sqlite://t.db", "three slashes")],
)
def test_a_url_that_cannot_be_used_is_told_at_start(config_beside, url, complaint):
    path = config_beside({"general_settings": {"database_url": url}})
    with pytest.raises(ConfigError) as raised:
        Gateway.from_config(path)
    assert complaint in str(raised.value)
    assert "config.yaml:" in str(raised.value)
    assert "hush" not in str(raised.value)
