"""Caches that need no package of their own: in this process, and in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import Field

from tianji_core.api.cache import Cache, CacheSettings
from tianji_core.state import RedisAddress
from tianji_core.state.link import Away, Link
from tianji_core.state.values import BoundedValues

PREFIX = "tianji:cache:"
"""What the keys of cached answers begin with in Redis."""


class LocalSettings(CacheSettings):
    max_size_mb: float = Field(64.0, ge=0, description="Memory for answers")
    max_entries: int = Field(10_000, ge=0, description="How many answers are kept at most")


class LocalCache(Cache):
    """In this process: the answer that was used longest ago goes when there is no room."""

    def __init__(self, settings: LocalSettings) -> None:
        self.values = BoundedValues(int(settings.max_size_mb * 1024 * 1024), settings.max_entries)

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self.values.set(key, value, ttl)

    async def delete(self, keys: Sequence[str]) -> int:
        return sum(map(self.values.pop, keys))

    async def clear(self) -> int:
        return self.values.clear()

    async def info(self) -> Mapping[str, Any]:
        values = self.values
        return {
            "entries": len(values),
            "bytes": values.bytes,
            "max_entries": values.max_entries,
            "max_bytes": values.max_bytes,
        }


class RedisCache(Cache):
    """In Redis, under keys of its own prefix. One that is away is a miss at once, and is found again by itself."""

    def __init__(self, address: RedisAddress, timeout: float, prefix: str = PREFIX) -> None:
        self.link = Link(address, limit=timeout, purpose="response cache")
        self._prefix = prefix

    async def start(self) -> None:
        await self.link.start()

    async def get(self, key: str) -> bytes | None:
        return (await self.get_many([key]))[0]

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        try:
            return await self.link.run_all([("GET", self._prefix + key) for key in keys])
        except Away:  # the link says what there is to say
            return [None] * len(keys)

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        await self.set_many({key: value}, ttl)

    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        end: tuple[Any, ...] = () if ttl is None else ("PX", max(1, round(ttl * 1000)))
        with suppress(Away):
            await self.link.run_all([("SET", self._prefix + key, value, *end) for key, value in values.items()])

    async def delete(self, keys: Sequence[str]) -> int:
        return sum(await self.link.run_all([("UNLINK", self._prefix + key) for key in keys]))

    async def clear(self) -> int:
        return await self.link.clear(self._prefix)

    async def ping(self) -> None:
        await self.link.run("PING")

    async def info(self) -> Mapping[str, Any]:
        found: dict[str, Any] = await self.link.at_leisure(lambda client: client.info())
        return {name: value for name, value in found.items() if name not in ("config_file", "executable")}

    async def aclose(self) -> None:
        await self.link.aclose()
