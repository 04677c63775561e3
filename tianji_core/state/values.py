"""Values in memory, bounded in bytes and in number; the one that was used longest ago goes first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

OVERHEAD = 200
"""Bytes that an entry costs beside its key and its value: the objects, the dict's place."""


class _Entry(NamedTuple):
    value: bytes
    expires: float
    size: int


class BoundedValues:
    """Bytes by key, each with an end."""

    def __init__(
        self,
        max_bytes: int = 64 * 1024 * 1024,
        max_entries: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_entries = max_entries
        self.bytes = 0
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        """The value, or None if there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self.pop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep a value. One that alone is too large is not kept, and nor is what it would have replaced."""
        self.pop(key)
        size = len(value) + len(key) + OVERHEAD
        if size > self.max_bytes or self.max_entries < 1 or (ttl is not None and ttl <= 0):
            return
        expires = float("inf") if ttl is None else self._clock() + ttl
        self._entries[key] = _Entry(value, expires, size)
        self.bytes += size
        while self.bytes > self.max_bytes or len(self._entries) > self.max_entries:
            self.bytes -= self._entries.popitem(last=False)[1].size

    def pop(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.bytes -= entry.size
        return True

    def clear(self, prefix: str = "") -> int:
        """Forget every value whose key begins so; how many there were."""
        keys = [key for key in self._entries if key.startswith(prefix)]
        for key in keys:
            self.pop(key)
        return len(keys)
