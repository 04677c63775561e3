"""The kit of caches finds what is wrong with a cache."""

from __future__ import annotations

import time

import pytest

from tianji_core.gateway.cache.local import LocalCache, LocalSettings
from tianji_core.testing import CacheConformance


class Forgetful(LocalCache):
    async def get(self, key):
        return None


class Endless(LocalCache):
    async def set(self, key, value, ttl=None):
        await super().set(key, value)


class OneForAll(LocalCache):
    async def set(self, key, value, ttl=None):
        await super().set(key.lower(), value, ttl)

    async def get(self, key):
        return await super().get(key.lower())


class Blocking(LocalCache):
    async def set(self, key, value, ttl=None):
        time.sleep(0.05)
        await super().set(key, value, ttl)


class Shy(LocalCache):
    async def clear(self):
        return 0


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (Forgetful, "test_what_was_set_is_got"),
        (Endless, "test_values_end"),
        (OneForAll, "test_keys_are_told_apart"),
        (Blocking, "test_nobody_waits_for_it"),
        (Shy, "test_clearing"),
    ],
)
def test_faults_are_found(made, found, tmp_path):
    class TestIt(CacheConformance):
        __test__ = False

        def cache(self):
            return made(LocalSettings())

    kit = TestIt()
    kit.folder = tmp_path
    with pytest.raises(AssertionError):
        getattr(kit, found)()
