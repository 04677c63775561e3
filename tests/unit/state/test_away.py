"""Redis away, refusing, hanging: nothing fails, nothing waits long, limits shrink to a share, and it is found again."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog
from promptness import soonest

from tianji_core.state import Limit, redis_address
from tianji_core.state.redis_state import RedisState


async def until(check, seconds=5.0):
    begin = time.monotonic()
    while not check():
        assert time.monotonic() - begin < seconds, "it never came true"
        await asyncio.sleep(0.01)
    return time.monotonic() - begin


async def everything(state):
    """Every operation; the seconds that the slowest took."""
    slowest = 0.0
    for operation in (
        state.add([("a", 1, 60)]),
        state.read(["a"]),
        state.take([Limit("l", 1, 1e9)]),
        state.get("v"),
        state.set("v", b"1"),
        state.delete(["v"]),
        state.clear("v"),
    ):
        begin = time.monotonic()
        await operation
        slowest = max(slowest, time.monotonic() - begin)
    state.publish("a", b"1")
    return slowest


@pytest.mark.parametrize("fault", ["hang", "kill"])
def test_a_fault(own_redis, with_redis, fault):
    async def main(one, other):
        await until(lambda: one.replicas == 2, 3)
        limit = Limit("l", 1, 100, window=30)
        lease = Limit("p", 1, 4, holder="long")
        held = await one.take([lease])
        for _ in range(20):
            assert await one.take([limit])
        await one.add([("spend", 5, 60)])
        with structlog.testing.capture_logs() as logs:
            getattr(own_redis, fault)()
            slowest = 0.0
            begin = time.monotonic()
            slowest = max([await everything(one) for _ in range(20)])
            assert slowest < 0.15
            assert time.monotonic() - begin < 1.5  # the breaker has opened: not 50 ms for each
            assert not one.up
            admitted = sum([bool(await one.take([limit])) for _ in range(100)])
            assert admitted == 30  # its half of 100, of which 20 were used up
            assert await one.add([("spend", 2, 60)]) == [7]
            assert await one.read(["spend"]) == [7]
            assert await one.take([Limit("p", 1, 4, holder="another")])
            assert not await one.take([Limit("p", 1, 4, holder="a third")])
            one.give_back(held)
            await everything(other)
            await asyncio.sleep(0.3)
            if fault == "hang":
                own_redis.go_on()
            else:
                own_redis.start()
            assert await until(lambda: one.up and other.up) < 5
            await asyncio.sleep(0.1)
        told = [line for line in logs if "Redis" in line["event"]]
        assert len(told) <= 4, told  # one for each change, of each state
        if fault == "hang":  # nothing was forgotten, and what was counted meanwhile is handed in
            assert await other.read(["spend"]) == [7]
            assert (await other.take([limit._replace(amount=0)])).used[0] == 50
        else:
            assert await other.read(["spend"]) == [2]
            assert (await other.take([limit._replace(amount=0)])).used[0] == 30

    with_redis(main, own_redis.url, count=2)


def test_one_that_was_never_there(with_redis):
    async def main(state):
        assert not state.up
        assert await everything(state) < 0.05
        assert sum([bool(await state.take([Limit("a", 1, 9)])) for _ in range(9)]) == 3
        state.subscribe("a", print)

    with structlog.testing.capture_logs() as logs:
        with_redis(main, "redis://127.0.0.1:1", replicas=3)
    assert [line["log_level"] for line in logs] == ["warning"]


def test_one_that_takes_connections_and_says_nothing(with_redis, postgres_cut):
    """A listener in front of nothing: start-up goes on all the same."""

    async def main():
        async def silent(reader, writer):
            try:
                await asyncio.sleep(60)
            finally:
                writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        state = RedisState(redis_address(url=f"redis://127.0.0.1:{port}"))
        begin = time.monotonic()
        await state.start()
        assert time.monotonic() - begin < 1.5
        assert await everything(state) < 0.05
        await state.aclose()
        server.close()

    asyncio.run(main())


def test_many_at_once_while_it_hangs(own_redis, with_redis):
    async def main(state):
        own_redis.hang()
        begin = time.monotonic()
        results = await asyncio.gather(*(state.take([Limit("a", 1, 1e9)]) for _ in range(500)))
        assert all(results)
        seconds = time.monotonic() - begin
        own_redis.go_on()
        return seconds

    assert soonest(lambda: with_redis(main, own_redis.url), 0.5) < 0.5


def test_news_go_on_after_a_fault(own_redis, with_redis):
    async def main(one, other):
        heard, gaps = [], []
        other.subscribe("keys", heard.append, lambda: gaps.append(1))
        await other.listening()
        own_redis.kill()
        one.publish("keys", b"while away")
        await asyncio.sleep(0.05)
        own_redis.start()
        await until(lambda: gaps and one.up)
        one.publish("keys", b"after")
        await until(lambda: b"after" in heard)

    with_redis(main, own_redis.url, count=2)


def test_leases_of_the_living_are_renewed_and_those_of_the_dead_end(own_redis, with_redis, monkeypatch):
    monkeypatch.setattr("tianji_core.state.redis_state.LEASE", 0.3)
    monkeypatch.setattr("tianji_core.state.redis_state.BEAT_EVERY", 0.1)

    async def main(one, other):
        assert await one.take([Limit("p", 1, 1, holder="a")])
        for _ in range(5):
            await asyncio.sleep(0.1)
            assert not await other.take([Limit("p", 1, 1, holder="b")])
        one._worker.cancel()  # as a killed process
        await asyncio.sleep(0.4)
        assert await other.take([Limit("p", 1, 1, holder="b")])

    with_redis(main, own_redis.url, count=2)


def test_replicas_are_known_while_they_live(own_redis, with_redis, monkeypatch):
    monkeypatch.setattr("tianji_core.state.redis_state.BEAT_EVERY", 0.05)

    async def main(one, other):
        await until(lambda: one.replicas == other.replicas == 2)
        third = RedisState(redis_address(url=own_redis.url), prefix="t:")
        await third.start()
        await until(lambda: one.replicas == other.replicas == 3)
        await third.aclose()
        await until(lambda: one.replicas == other.replicas == 2)

    with_redis(main, own_redis.url, count=2)


def test_no_password_is_shown(own_redis, with_redis):
    address = redis_address(url="redis://someone:s3cret-canary@127.0.0.1:1/3")
    assert "canary" not in repr(address)
    assert "canary" not in address.shown

    async def main(state):
        assert not state.up  # it wants no password, and Redis refuses one that nobody asked for

    with structlog.testing.capture_logs() as logs:
        with_redis(main, f"redis://someone:s3cret-canary@127.0.0.1:{own_redis.port}")
    assert "canary" not in repr(logs)
    assert len(logs) == 1
