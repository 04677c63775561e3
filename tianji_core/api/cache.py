"""The cache contract: where answers may be kept for a while."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Cache(ABC):
    """A store of bytes by key. What it raises is logged and counts as a miss: a cache never fails a call.

    Keys are ASCII text without blanks, of at most 300 characters; a colon in them means nothing to a cache. Values are
    the gateway's own and may be of some megabytes. A value that was set may be gone at any time; one that has expired
    has to be.
    """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """The value, or None if there is none or it has expired."""

    @abstractmethod
    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value, for `ttl` seconds or as long as there is room."""

    @abstractmethod
    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values; how many there were."""

    @abstractmethod
    async def clear(self) -> int:
        """Forget every value that this cache has kept, and nothing else; how many there were."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of several keys, in their order; for caches that can ask for them together."""
        return list(await asyncio.gather(*map(self.get, keys)))

    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        """Keep several values; for caches that can do so together."""
        await asyncio.gather(*(self.set(key, value, ttl) for key, value in values.items()))

    async def start(self) -> None:
        """Open what is needed; called once, with a running loop. A cache that is away is no reason to raise."""

    async def ping(self) -> None:
        """Raises if it cannot be reached."""
        await self.get("ping")

    async def info(self) -> Mapping[str, Any]:
        """What an administrator may want to know of it, as JSON; no secrets."""
        return {}

    async def aclose(self) -> None:
        """Give back what was opened."""


class CacheSettings(BaseModel):
    """What `cache_params` says to a cache; a plugin subclasses it to add its own keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environ: Mapping[str, str] = Field(default_factory=dict, repr=False, exclude=True, description="Set by the core")
