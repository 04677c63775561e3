"""The cache contract: where answers may be kept for a while."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Cache(ABC):
    """A store of bytes by key. What it raises is logged and counts as a miss: a cache never fails a call."""

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """The value, or None if there is none or it has expired."""

    @abstractmethod
    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value, for `ttl` seconds or as long as there is room."""

    async def aclose(self) -> None:
        """Give back what was opened."""
