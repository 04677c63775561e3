"""Tokens that are fetched once for many, renewed in time, and not lost with a caller who leaves."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tianji_core.api.errors import AuthenticationError
from tianji_core.api.tokens import RENEW_EARLY, Token, TokenCache


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Hands out t1, t2, …; waits for `gate` where there is one, fails where it is told to."""

    def __init__(self, expires_in: float = 3600.0) -> None:
        self.fetched = 0
        self.expires_in = expires_in
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self) -> Token:
        self.fetched += 1
        name = f"t{self.fetched}"
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Token(name, self.expires_in)


@pytest.fixture
def clock():
    return Clock()


def test_many_that_ask_at_once_share_one_fetch(clock):
    source = Source()

    async def main():
        source.gate = asyncio.Event()
        cache = TokenCache(clock)
        asking = [asyncio.create_task(cache.get(source)) for _ in range(50)]
        await asyncio.sleep(0)
        source.gate.set()
        assert set(await asyncio.gather(*asking)) == {"t1"}
        assert await cache.get(source) == "t1"

    asyncio.run(main())
    assert source.fetched == 1


@pytest.mark.parametrize(("expires_in", "good_for"), [(3600, 3600 - RENEW_EARLY), (120, 60), (240, 120), (10, 5)])
def test_a_token_is_renewed_before_it_ends(clock, expires_in, good_for):
    source, cache = Source(expires_in), TokenCache(clock)

    async def main():
        assert await cache.get(source) == "t1"
        clock.now += good_for - 0.1
        assert await cache.get(source) == "t1"
        clock.now += 0.2
        assert await cache.get(source) == "t2"
        assert await cache.get(source) == "t2"

    asyncio.run(main())


@pytest.mark.parametrize("expires_in", [0, -5])
def test_a_token_that_has_ended_already_is_used_once(clock, expires_in):
    source, cache = Source(expires_in), TokenCache(clock)

    async def main():
        assert await cache.get(source) == "t1"
        clock.now += 0.1
        assert await cache.get(source) == "t2"

    asyncio.run(main())


def test_a_failure_reaches_all_who_wait_and_the_next_tries_again(clock):
    source, cache = Source(), TokenCache(clock)

    async def main():
        source.error = AuthenticationError("no")
        source.gate = asyncio.Event()
        asking = [asyncio.create_task(cache.get(source)) for _ in range(3)]
        await asyncio.sleep(0)
        source.gate.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert found == [source.error] * 3
        source.error = None
        assert await cache.get(source) == "t2"

    asyncio.run(main())
    assert source.fetched == 2


def test_a_failure_while_the_old_token_is_good_is_not_even_seen(clock):
    source, cache = Source(), TokenCache(clock)

    async def main():
        await cache.get(source)
        source.error = AuthenticationError("no")
        assert await cache.get(source) == "t1"

    asyncio.run(main())


def test_a_caller_who_leaves_takes_nobodys_token_with_him(clock):
    source, cache = Source(), TokenCache(clock)

    async def main():
        source.gate = asyncio.Event()
        first, second = (asyncio.create_task(cache.get(source)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        source.gate.set()
        assert await second == "t1"
        assert await cache.get(source) == "t1"

    asyncio.run(main())
    assert source.fetched == 1


def test_what_fails_after_everybody_has_left_is_no_noise(clock, caplog):
    source, cache = Source(), TokenCache(clock)
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        source.gate, source.error = asyncio.Event(), AuthenticationError("no")
        only = asyncio.create_task(cache.get(source))
        await asyncio.sleep(0)
        only.cancel()
        await asyncio.wait([only])
        source.gate.set()
        await asyncio.sleep(0.01)
        source.error = None
        assert await cache.get(source) == "t2"

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert not told
    assert not caplog.records


def test_another_loop_fetches_for_itself(clock):
    """A fetch that died with its loop, or goes on in another one, cannot be waited for."""
    source, cache = Source(), TokenCache(clock)

    async def abandoned():
        source.gate = asyncio.Event()
        asyncio.create_task(cache.get(source))  # noqa: RUF006 - it is meant to end with the loop
        await asyncio.sleep(0)

    async def later():
        source.gate = None
        return await cache.get(source)

    asyncio.run(abandoned())
    assert asyncio.run(later()) == "t2"
    assert asyncio.run(later()) == "t2"
