"""Where Redis is, as people write it."""

from __future__ import annotations

import asyncio
import time

import pytest
from real_servers import OwnRedis, has_redis_server

from tianji_core.state import Limit, RedisAddressError, redis_address
from tianji_core.state.redis_state import RedisState
from tianji_core.testing.server import free_port


def test_a_url():
    found = redis_address(url="rediss://me:a%40b@example.org:6380/4?ssl_cert_reqs=none&ssl_check_hostname=false")
    assert (found.host, found.port, found.db, found.username, found.password) == ("example.org", 6380, 4, "me", "a@b")
    assert found.ssl
    assert dict(found.options) == {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    assert redis_address(url="unix:///run/redis.sock?db=2").shown == "unix:/run/redis.sock"
    assert redis_address(url="redis://h").shown == "h:6379/0"


def test_what_stands_beside_a_url_fills_it_in():
    found = redis_address(url="redis://h", password="p", db=3, host="other", options={"ssl_ca_certs": "x", "retry": 9})
    assert (found.host, found.password, found.db) == ("h", "p", 3)
    assert dict(found.options) == {"ssl_ca_certs": "x"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "http://h"}, "redis://"),
        ({"url": "redis://h/x"}, "no number"),
        ({"url": "redis://h:99999999"}, "no URL"),
        ({"url": "redis://u:canary@h?retry=1"}, "not known: retry"),
        ({"service": "mymaster"}, "needs sentinel_nodes"),
        ({"sentinels": [["h", 1]]}, "need a service_name"),
        ({"startup_nodes": "h"}, "no list"),
        ({"startup_nodes": [7]}, "neither"),
        ({"startup_nodes": [{"port": 7}]}, "without a host"),
        ({"startup_nodes": [["h", "x"]]}, "no number"),
        ({"startup_nodes": [["h", 1]], "db": 3}, "no numbered databases"),
    ],
)
def test_what_makes_no_sense(given, said):
    with pytest.raises(RedisAddressError, match=said) as caught:
        redis_address(**given)
    assert "canary" not in str(caught.value)


def test_nodes():
    found = redis_address(startup_nodes=[{"host": "a", "port": "7001"}, ["b", 7002], "c:7003", "d"])
    assert found.nodes == (("a", 7001), ("b", 7002), ("c", 7003), ("d", 6379))
    assert found.cluster
    found = redis_address(service="m", sentinels=[["s", 26380], "t"])
    assert found.nodes == (("s", 26380), ("t", 26379))
    assert not found.cluster


async def _works(address):
    states = [RedisState(address, limit=1.0) for _ in range(2)]
    for state in states:
        await state.start()
    one, other = states
    heard = []
    other.subscribe("c", heard.append)
    await other.listening()
    assert one.up
    assert await one.add([("a", 1, 60), ("b", 2, 60)]) == [1, 2]
    assert await other.read(["a", "b"]) == [1, 2]
    assert (await one.take([Limit("x", 1, 2), Limit("y", 1, 1), Limit("z", 1, 1, holder="h")])).used == (1, 1, 1)
    assert (await other.take([Limit("x", 1, 2), Limit("y", 1, 1)])).index == 1
    await one.set_many({f"k{number}": b"%d" % number for number in range(30)})
    assert await other.get_many(["k3", "k17", "none"]) == [b"3", b"17", None]
    assert await other.delete(["k3", "k4"]) == 2
    assert await other.clear("k") == 28
    one.publish("c", b"news")
    for _ in range(300):
        if heard:
            break
        await asyncio.sleep(0.01)
    assert heard == [b"news"]
    assert one.replicas >= 1
    for state in states:
        await state.aclose()


def test_a_cluster(tmp_path):
    import redis

    has_redis_server()
    # By itself it takes the port 10,000 above its own for other members, which somebody may have.
    server = OwnRedis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server.start()
    try:
        with redis.Redis(port=server.port) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            for _ in range(500):
                if client.execute_command("CLUSTER INFO")["cluster_state"] == "ok":
                    break
                time.sleep(0.01)
        asyncio.run(_works(redis_address(startup_nodes=[["127.0.0.1", server.port]])))
    finally:
        server.kill()


def test_sentinels(tmp_path):
    has_redis_server()
    server = OwnRedis(tmp_path)
    server.start()
    (tmp_path / "sentinel.conf").write_text(f"sentinel monitor mymaster 127.0.0.1 {server.port} 1\n")
    sentinel = OwnRedis(tmp_path, sentinel="sentinel.conf")
    try:
        sentinel.start()
        asyncio.run(_works(redis_address(service="mymaster", sentinels=[["127.0.0.1", sentinel.port]])))
    finally:
        sentinel.kill()
        server.kill()
