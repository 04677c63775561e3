"""The caches of the core, by the kit that every plugin's cache has to pass; and the wrapper around them."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from tianji_core.api.cache import Cache
from tianji_core.gateway.cache import GuardedCache, guarded
from tianji_core.gateway.cache.local import LocalCache, LocalSettings, RedisCache
from tianji_core.state import redis_address
from tianji_core.state.values import BoundedValues
from tianji_core.testing import CacheConformance


class TestLocal(CacheConformance):
    def cache(self) -> LocalCache:
        return LocalCache(LocalSettings())


class TestRedis(CacheConformance):
    @pytest.fixture(autouse=True)
    def _server(self, redis_url, redis_prefix):
        self.address, self.prefix = redis_address(url=redis_url), redis_prefix

    def cache(self) -> RedisCache:
        return RedisCache(self.address, 2.0, self.prefix)


class Faulty(Cache):
    """Fails, or is slow, as often as it is told to."""

    def __init__(self) -> None:
        self.fault: Exception | float | None = None
        self.asked = 0
        self.kept: dict[str, bytes] = {}

    async def get(self, key):
        self.asked += 1
        if isinstance(self.fault, Exception):
            raise self.fault
        await asyncio.sleep(self.fault or 0)
        return self.kept.get(key)

    async def set(self, key, value, ttl=None):
        if isinstance(self.fault, Exception):
            raise self.fault
        self.kept[key] = value

    async def delete(self, keys):
        return 0

    async def clear(self):
        return 0


@pytest.mark.parametrize("fault", [RuntimeError("no"), 5.0])
def test_a_cache_that_fails_is_left_alone_for_a_while(fault, monkeypatch):
    monkeypatch.setattr(guarded, "REST", 0.1)

    async def main():
        cache = Faulty()
        held = GuardedCache(cache, timeout=0.03, kind="faulty")
        cache.kept["a"] = b"1"
        assert await held.read(["a"]) == [b"1"]
        cache.fault = fault
        for _ in range(50):
            assert await held.read(["a"]) == [None]
        assert cache.asked == 1 + guarded.FAILURES
        cache.fault = None
        await asyncio.sleep(0.12)
        assert await held.read(["a"]) == [b"1"]
        assert await held.read(["a", "b"]) == [b"1", None]

    with structlog.testing.capture_logs() as logs:
        asyncio.run(main())
    assert len(logs) <= 3, logs


def test_what_waits_to_be_written_is_bounded(monkeypatch):
    monkeypatch.setattr(guarded, "MAX_WAITING", 100)

    async def main():
        cache = Faulty()
        held = GuardedCache(cache, timeout=0.1, kind="faulty")
        await held.start()
        for number in range(20):
            held.write({str(number): b"x" * 30}, None)
        await held.aclose()
        assert len(cache.kept) == 3
        held.write({"later": b"x"}, None)  # there is room again
        await asyncio.sleep(0.01)
        assert "later" in cache.kept

    asyncio.run(main())


def test_memory_is_bounded_and_what_was_used_last_stays():
    now = 0.0
    values = BoundedValues(max_bytes=10_000, max_entries=10, clock=lambda: now)
    for number in range(30):
        values.set(str(number), b"x")
        values.get("0")
    assert len(values) == 10
    assert values.get("0") == b"x"
    assert values.get("5") is None
    values.set("large", b"x" * 9000)
    assert values.bytes <= 10_000
    values.set("larger", b"x" * 20_000)
    assert values.get("larger") is None
    values.set("ends", b"x", 5)
    now = 5.0
    assert values.get("ends") is None
    values.clear()
    assert (values.bytes, len(values)) == (0, 0)
