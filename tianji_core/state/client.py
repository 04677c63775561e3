"""redis-py's clients for an address. Imported only where Redis is used: the library takes a tenth of a second."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any

import redis.asyncio as redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from tianji_core.state.address import RedisAddress

CONNECTIONS = 16
_GLOB = re.compile(r"([*?\[\]\\])")


def make_client(address: RedisAddress, limit: float) -> Any:
    """A client whose operations end within `limit` seconds, and which tries nothing twice: the breaker decides that."""
    options = _options(address, limit)
    if address.cluster:
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        options.pop("db")
        return RedisCluster(startup_nodes=nodes, max_connections=CONNECTIONS, **options)
    options["max_connections"] = CONNECTIONS
    if address.service is not None:
        sentinel = Sentinel(  # type: ignore[no-untyped-call]  # the library gives it no types
            address.nodes,
            sentinel_kwargs={
                "password": address.sentinel_password,
                "socket_timeout": limit * 5,
                "socket_connect_timeout": limit * 5,
                "protocol": 2,
                "retry": Retry(NoBackoff(), 0),
            },
        )
        return sentinel.master_for(address.service, **options)
    return _single(address, options, address.host, address.port)


def make_listener(address: RedisAddress, limit: float) -> Any:
    """A client for subscriptions, which wait as long as they have to. Any member of a cluster hears all messages."""
    options = {**_options(address, limit), "socket_timeout": None}
    if address.cluster:
        host, port = address.nodes[0]
        return _single(address, options, host, port)
    if address.service is not None:
        return make_client(address, limit)
    return _single(address, options, address.host, address.port)


async def close_client(client: Any) -> None:
    """Close all connections, those to sentinels as well."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for each in (client, *(manager.sentinels if manager is not None else ())):
        # What is away is let go all the same.
        with suppress(Exception):
            await asyncio.wait_for(each.aclose(), 1.0)


def _single(address: RedisAddress, options: dict[str, Any], host: str, port: int) -> Any:
    if address.path is not None:
        options.pop("ssl", None)
        return redis.Redis(unix_socket_path=address.path, **options)
    return redis.Redis(host=host, port=port, **options)


def _options(address: RedisAddress, limit: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": limit,
        "socket_connect_timeout": limit * 5,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        **dict(address.options),
    }
    if address.ssl:
        found["ssl"] = True
    else:
        found = {name: value for name, value in found.items() if not name.startswith("ssl")}
    return found


async def clear_keys(client: Any, prefix: str) -> int:
    """Forget every key that begins so; how many there were."""
    gone = 0
    found: list[bytes] = []
    async for key in client.scan_iter(match=_GLOB.sub(r"\\\1", prefix) + "*", count=1000):
        found.append(key)
        if len(found) >= 500:
            gone += await _unlink(client, found)
            found = []
    return gone + (await _unlink(client, found) if found else 0)


async def _unlink(client: Any, keys: list[bytes]) -> int:
    # One by one: a cluster refuses a command whose keys live on several members.
    gone = 0
    for begin in range(0, len(keys), 10):
        gone += sum(await asyncio.gather(*(client.unlink(key) for key in keys[begin : begin + 10])))
    return gone
