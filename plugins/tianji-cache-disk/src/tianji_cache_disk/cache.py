"""The cache itself: a thread of its own, so that nobody waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tianji_cache_disk.table import Table
from tianji_core.api.cache import Cache

T = TypeVar("T")


class DiskCache(Cache):
    """Answers in a file below a folder."""

    def __init__(self, folder: str, max_bytes: int) -> None:
        self._table = Table(Path(folder), max_bytes)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tianji-cache-disk")

    async def start(self) -> None:
        await self._run(self._table.open)

    async def get(self, key: str) -> bytes | None:
        return (await self.get_many([key]))[0]

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self._run(self._table.get, keys) if keys else []

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        await self.set_many({key: value}, ttl)

    async def set_many(self, values: Mapping[str, bytes], ttl: float | None = None) -> None:
        if values:
            await self._run(self._table.set, values, ttl)

    async def delete(self, keys: Sequence[str]) -> int:
        return await self._run(self._table.delete, keys) if keys else 0

    async def clear(self) -> int:
        return await self._run(self._table.clear)

    async def info(self) -> Mapping[str, Any]:
        return await self._run(self._table.info)

    async def aclose(self) -> None:
        await self._run(self._table.close)
        self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
