"""What replicas share, behind a whole application: who names it, what a reload keeps, what is refused."""

from __future__ import annotations

import asyncio
import time

import pytest

from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.gateway.named_redis import state_redis
from tianji_core.testing import Answer


def named(config, **environ):
    from tianji_core.config import Settings, load_mapping

    return state_redis(load_mapping(config).config, Settings.read(environ))


def test_who_names_redis():
    router = {"router_settings": {"redis_host": "r", "redis_port": 1, "redis_password": "p", "redis_db": 2}}
    found = named(router, REDIS_URL="redis://env")
    assert (found.host, found.port, found.password, found.db) == ("r", 1, "p", 2)
    assert named({"litellm_settings": {}}, REDIS_URL="rediss://env:9").ssl
    found = named({"litellm_settings": {}}, REDIS_HOST="h", REDIS_PORT="7", REDIS_PASSWORD="x", REDIS_SSL="true")
    assert (found.shown, found.ssl) == ("h:7/0", True)
    assert named({"litellm_settings": {}}, REDIS_PORT="7") is None
    assert named({"litellm_settings": {}}, REDIS_CLUSTER_NODES='[{"host": "a", "port": 1}]').cluster
    assert named({"litellm_settings": {}}, REDIS_SERVICE_NAME="m", REDIS_SENTINEL_NODES='[["s", 26379]]').service == "m"


def test_an_address_that_makes_no_sense_is_told_with_its_line():
    with pytest.raises(ConfigError, match=r"router_settings: redis_url begins with neither") as caught:
        Gateway.from_config({"router_settings": {"redis_url": "http://u:canary@h"}})
    assert "canary" not in str(caught.value)


def test_a_reload_keeps_it(serving, own_redis, config_beside):
    def config(**router):
        return config_beside({"router_settings": {"redis_url": own_redis.url, **router}})

    async def main():
        async with serving(config()) as client:
            before = client.app.serving.gateway.state
            assert before.up
            await before.add([("a", 1, 60)])
            await client.app.reload()
            assert client.app.serving.gateway.state is before
            assert before.up
            config(redis_db=1)
            await client.app.reload()
            await asyncio.sleep(0.1)
            after = client.app.serving.gateway.state
            assert after is not before
            assert after.up
            assert not before.up  # closed with the gateway that had it
            assert await after.read(["a"]) == [0]

    asyncio.run(main())


def test_without_redis_it_is_kept_as_well(serving, config_beside):
    async def main():
        async with serving(config_beside({"litellm_settings": {}})) as client:
            before = client.app.serving.gateway.state
            assert not before.shared
            await before.add([("a", 1, 60)])
            await client.app.reload()
            assert await client.app.serving.gateway.state.read(["a"]) == [1]

    asyncio.run(main())


def test_a_gateway_starts_and_serves_without_its_redis(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat())
    config = {"model_list": [row(fake_upstream)], "router_settings": {"redis_url": "redis://127.0.0.1:1"}}

    async def main():
        begin = time.monotonic()
        async with serving(config) as client:
            assert (await client.chat()).status == 200
            assert time.monotonic() - begin < 2

    asyncio.run(main())
