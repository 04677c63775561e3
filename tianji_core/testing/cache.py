"""The conformance kit of caches.

class TestDisk(CacheConformance):
    def cache(self) -> Cache:
        return DiskCache(DiskCacheSettings(disk_cache_dir=self.folder))
"""

from __future__ import annotations

import asyncio
import hashlib
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import orjson
import pytest

from tianji_core.api.cache import Cache
from tianji_core.testing.standard import Conformance

T = TypeVar("T")

KEYS = [
    hashlib.sha256(b"a").hexdigest(),
    f"namespace:{hashlib.sha256(b'b').hexdigest()}",
    "../../etc/passwd",
    "with%_[*?]\\'\"`;--",
    "K" * 300,
    "k" * 300,
]
"""Keys as the gateway makes them, and such as an administrator or a client with a namespace might."""
VALUES = [b"", b"{}", b"\x00\xff\r\n" * 10, bytes(range(256)) * 4096]


class CacheConformance(Conformance, kit=True):
    """What every cache promises. Subclass it, name the class `Test…`, say how one is made."""

    folder: Path
    """An empty folder for each test."""

    @abstractmethod
    def cache(self) -> Cache:
        """A fresh, empty cache."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def test_what_was_set_is_got(self) -> None:
        async def main(cache: Cache) -> None:
            for key in KEYS:
                for value in VALUES:
                    await cache.set(key, value)
                    assert await cache.get(key) == value, f"{len(value)} bytes under {key[:40]!r} came back changed"

        self._run(main)

    def test_what_was_never_set_is_none(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.set(KEYS[0], b"1")
            for key in KEYS[1:]:
                assert await cache.get(key) is None

        self._run(main)

    def test_keys_are_told_apart(self) -> None:
        async def main(cache: Cache) -> None:
            for number, key in enumerate(KEYS):
                await cache.set(key, str(number).encode())
            assert [await cache.get(key) for key in KEYS] == [str(number).encode() for number in range(len(KEYS))]

        self._run(main)

    def test_several_at_once(self) -> None:
        async def main(cache: Cache) -> None:
            values = {f"key-{number}": str(number).encode() for number in range(300)}
            await cache.set_many(values, 60)
            asked = ["none", *values, "none"]
            assert await cache.get_many(asked) == [None, *values.values(), None]
            assert await cache.get_many([]) == []
            await cache.set_many({})

        self._run(main)

    def test_values_end(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.set("short", b"1", 0.05)
            await cache.set_many({"short-too": b"1"}, 0.05)
            await cache.set("long", b"1", 60)
            await cache.set("always", b"1")
            await asyncio.sleep(0.12)
            assert await cache.get_many(["short", "short-too", "long", "always"]) == [None, None, b"1", b"1"]

        self._run(main)

    def test_a_value_that_is_set_again_has_the_new_end(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.set("a", b"1", 0.05)
            await cache.set("a", b"2", 60)
            await asyncio.sleep(0.1)
            assert await cache.get("a") == b"2"

        self._run(main)

    def test_deleting(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.set_many({"a": b"1", "b": b"2", "c": b"3"})
            assert await cache.delete(["a", "c", "none"]) == 2
            assert await cache.get_many(["a", "b", "c"]) == [None, b"2", None]
            assert await cache.delete([]) == 0

        self._run(main)

    def test_clearing(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.set_many(dict.fromkeys(KEYS, b"1"))
            assert await cache.clear() == len(KEYS)
            assert await cache.get_many(KEYS) == [None] * len(KEYS)
            assert await cache.clear() == 0
            await cache.set("again", b"1")
            assert await cache.get("again") == b"1"

        self._run(main)

    def test_many_at_the_same_time(self) -> None:
        async def main(cache: Cache) -> None:
            async def one(number: int) -> None:
                await cache.set(f"key-{number % 20}", str(number % 20).encode())
                assert await cache.get(f"key-{number % 20}") == str(number % 20).encode()

            await asyncio.gather(*(one(number) for number in range(100)))

        self._run(main)

    def test_nobody_waits_for_it(self) -> None:
        async def main(cache: Cache) -> None:
            longest = 0.0

            async def watch() -> None:
                nonlocal longest
                loop = asyncio.get_running_loop()
                while True:
                    before = loop.time()
                    await asyncio.sleep(0.001)
                    longest = max(longest, loop.time() - before)

            watcher = asyncio.create_task(watch())
            await asyncio.gather(*(cache.set(f"key-{number}", VALUES[-1]) for number in range(8)))
            await cache.get_many([f"key-{number}" for number in range(8)])
            watcher.cancel()
            assert longest < 0.25, f"the event loop stood still for {longest:.2f} s; do such work in a thread"

        self._run(main)

    def test_pinging_and_info(self) -> None:
        async def main(cache: Cache) -> None:
            await cache.ping()
            orjson.dumps(dict(await cache.info()))

        self._run(main)

    def _run(self, main: Callable[[Cache], Awaitable[T]]) -> T:
        async def life() -> T:
            cache = self.cache()
            await cache.start()
            try:
                return await main(cache)
            finally:
                await cache.aclose()

        return asyncio.run(life())
