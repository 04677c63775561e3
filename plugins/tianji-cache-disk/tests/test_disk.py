"""What is particular to a cache in a file."""

from __future__ import annotations

import asyncio

from tianji_cache_disk.cache import DiskCache


def with_cache(folder, main, max_bytes=10**9):
    async def life():
        cache = DiskCache(str(folder), max_bytes)
        await cache.start()
        try:
            return await main(cache)
        finally:
            await cache.aclose()

    return asyncio.run(life())


def test_answers_outlive_a_restart(tmp_path):
    with_cache(tmp_path, lambda cache: cache.set("a", b"1", 60))
    assert with_cache(tmp_path, lambda cache: cache.get("a")) == b"1"


def test_two_processes_have_the_same_answers(tmp_path):
    async def main(one):
        other = DiskCache(str(tmp_path), 10**9)
        await other.start()
        await asyncio.gather(*((one, other)[number % 2].set(str(number), b"x") for number in range(50)))
        assert await other.get_many(["0", "1", "49"]) == [b"x"] * 3
        await other.aclose()

    with_cache(tmp_path, main)


def test_the_oldest_answers_make_room(tmp_path):
    async def main(cache):
        for number in range(30):
            await cache.set(f"{number:02}", b"x" * 998)
        info = await cache.info()
        assert 8000 <= info["bytes"] <= 10_000
        assert await cache.get("29") is not None
        assert await cache.get("00") is None

    with_cache(tmp_path, main, max_bytes=10_000)


def test_a_file_that_is_no_database_is_thrown_away(tmp_path):
    (tmp_path / "answers.db").write_bytes(b"no database" * 1000)

    async def main(cache):
        await cache.set("a", b"1")
        assert await cache.get("a") == b"1"

    with_cache(tmp_path, main)
