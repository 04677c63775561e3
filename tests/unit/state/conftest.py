"""The same tests for the state of one process, and for the one in Redis."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.state import MemoryState, redis_address
from tianji_core.state.redis_state import RedisState


async def started(make, main):
    """What `main(*states)` gives, with states that are made and started in its loop, and closed after it."""
    states = make()
    for state in states:
        await state.start()
    try:
        return await main(*states)
    finally:
        for state in states:
            await state.aclose()


@pytest.fixture(params=["memory", "redis"])
def with_states(request):
    """Runs `main(*states)` with states that share everything; in memory they are one and the same."""
    if request.param == "redis":
        url, prefix = request.getfixturevalue("redis_url"), request.getfixturevalue("redis_prefix")

    def run(main, count=1):
        def made():
            if request.param == "memory":
                return [MemoryState()] * count
            return [RedisState(redis_address(url=url), prefix=prefix, limit=1.0) for _ in range(count)]

        return asyncio.run(started(made, main))

    return run


@pytest.fixture
def with_redis():
    """Runs `main(*states)` with states in the Redis at a URL."""

    def run(main, url, *, count=1, prefix="t:", **options):
        def made():
            return [RedisState(redis_address(url=url), prefix=prefix, **options) for _ in range(count)]

        return asyncio.run(started(made, main))

    return run
