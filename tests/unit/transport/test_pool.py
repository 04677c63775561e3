"""Reuse, limits, expiry, and the queue behind them."""

import asyncio
import gc
import random

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import (
    DEFAULT_TIMEOUTS,
    ConnectError,
    HttptoolsTransport,
    Limits,
    PoolTimeout,
    ResponseTruncated,
    Timeouts,
    TotalTimeout,
)


async def get(transport, request, timeouts=DEFAULT_TIMEOUTS):
    async with await transport.send(request, timeouts) as response:
        return await response.read()


def usage(transport):
    (only,) = transport.usage().values()
    return tuple(only)


@pytest.fixture
def echo(peer, ok):
    """A peer that answers each request with its own path, `/wait/…` only when told (`peer.go`)."""

    def make():
        async def script(line):
            while True:
                seen = await line.request()
                if seen.target.startswith("/wait"):
                    await made.go.wait()
                await line.send(ok(seen.target.encode(), b"x-line: %d" % line.number))

        made = peer(script)
        made.go = asyncio.Event()
        return made

    return make


def test_the_most_recently_used_connection_is_taken(run, echo):
    async def main():
        async with echo() as server, HttptoolsTransport() as transport:
            slow = [asyncio.ensure_future(get(transport, server.request("/wait"))) for _ in range(3)]
            await asyncio.sleep(0.02)
            assert usage(transport) == (3, 0, 0)
            server.go.set()
            await asyncio.gather(*slow)
            assert usage(transport) == (0, 3, 0)
            async with await transport.send(server.request()) as response:
                await response.read()
                last = response.headers["x-line"]
            for _ in range(5):
                async with await transport.send(server.request()) as response:
                    await response.read()
                    assert response.headers["x-line"] == last
            assert server.connections == 3

    run(main())


def test_a_connection_returns_when_the_message_is_complete_not_when_it_is_read(run, echo):
    async def main():
        async with echo() as server, HttptoolsTransport() as transport:
            response = await transport.send(server.request("/one"))
            assert usage(transport) == (0, 1, 0)
            assert await get(transport, server.request("/two")) == b"/two"
            assert await response.read() == b"/one"  # what was buffered is its own still
            await response.aclose()
            assert usage(transport) == (0, 1, 0)
            assert server.connections == 1

    run(main())


def test_no_more_idle_connections_than_allowed(run, echo):
    async def main():
        limits = Limits(max_idle=2)
        async with echo() as server, HttptoolsTransport(limits=limits) as transport:
            server.go.set()
            await asyncio.gather(*(get(transport, server.request("/wait")) for _ in range(6)))
            assert usage(transport) == (0, 2, 0)
        async with echo() as server, HttptoolsTransport(limits=Limits(max_idle=0)) as transport:
            for _ in range(3):
                await get(transport, server.request())
                assert usage(transport) == (0, 0, 0)
            assert server.connections == 3

    run(main())


def test_idle_connections_expire_by_themselves_and_on_use(run, echo):
    async def main():
        limits = Limits(idle_expiry=0.05)
        async with echo() as server, HttptoolsTransport(limits=limits) as transport:
            await get(transport, server.request())
            assert usage(transport) == (0, 1, 0)
            await asyncio.sleep(0.02)
            await get(transport, server.request())
            assert server.connections == 1
            await asyncio.sleep(0.1)
            assert usage(transport) == (0, 0, 0)
            await get(transport, server.request())
            (pool,) = transport._pools.values()
            pool._sweeper.cancel()  # a loop too busy to sweep
            await asyncio.sleep(0.06)
            await get(transport, server.request())
            assert server.connections == 3
            pool._sweeper = None

    run(main())


def test_the_limit_holds_and_the_queue_is_fair(run, echo):
    async def main():
        async with echo() as server, HttptoolsTransport(limits=Limits(max_connections=2)) as transport:
            done = []

            async def call(number):
                await get(transport, server.request(f"/wait/{number}"))
                done.append(number)

            calls = []
            for number in range(12):
                calls.append(asyncio.ensure_future(call(number)))
                await asyncio.sleep(0)
            await asyncio.sleep(0.02)
            assert usage(transport) == (2, 0, 10)
            server.go.set()
            await asyncio.gather(*calls)
            assert usage(transport) == (0, 2, 0)
            assert server.connections == 2
            # Two lines serve in turn, so neighbours may swap, but nobody falls back.
            assert all(abs(number - place) <= 1 for place, number in enumerate(done))

    run(main())


def test_the_queue_is_fair_when_connections_are_not_kept(run, peer, ok):
    async def script(line):
        seen = await line.request()
        await line.send(ok(seen.target.encode(), b"connection: close"))

    async def main():
        async with peer(script) as server, HttptoolsTransport(limits=Limits(max_connections=1)) as transport:
            done = []

            async def call(number):
                await get(transport, server.request(f"/{number}"))
                done.append(number)

            await asyncio.gather(*(call(number) for number in range(20)))
            assert done == list(range(20))
            assert usage(transport) == (0, 0, 0)

    run(main())


def test_a_pool_time_out(run, echo):
    async def main():
        timeouts = Timeouts(pool=0.05)
        async with echo() as server, HttptoolsTransport(limits=Limits(max_connections=1)) as transport:
            first = asyncio.ensure_future(get(transport, server.request("/wait")))
            await asyncio.sleep(0.02)
            with pytest.raises(PoolTimeout) as caught:
                await get(transport, server.request(), timeouts)
            assert caught.value.sent is False
            with pytest.raises(TotalTimeout) as caught:
                await get(transport, server.request(), Timeouts(pool=None, total=0.05))
            assert caught.value.sent is False
            assert usage(transport) == (1, 0, 0)
            patient = asyncio.ensure_future(get(transport, server.request("/x"), Timeouts(pool=None, total=None)))
            await asyncio.sleep(0.01)
            server.go.set()
            assert await patient == b"/x"
            await first
            assert usage(transport) == (0, 1, 0)

    run(main())


def test_a_failed_connect_frees_its_slot_for_the_next(run, peer):
    async def main():
        async with HttptoolsTransport(limits=Limits(max_connections=1)) as transport:
            request = UpstreamRequest("POST", "http://127.0.0.1:1/")
            results = await asyncio.gather(*(get(transport, request) for _ in range(10)), return_exceptions=True)
            assert {type(result) for result in results} == {ConnectError}
            assert usage(transport) == (0, 0, 0)

    run(main())


def test_a_cancelled_waiter_loses_no_slot(run, echo):
    async def main():
        chance = random.Random(5)
        async with echo() as server, HttptoolsTransport(limits=Limits(max_connections=2)) as transport:
            server.go.set()
            for _ in range(40):
                calls = [asyncio.ensure_future(get(transport, server.request("/x"))) for _ in range(12)]
                for call in chance.sample(calls, 8):
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    call.cancel()
                results = await asyncio.gather(*calls, return_exceptions=True)
                assert all(r == b"/x" or isinstance(r, asyncio.CancelledError) for r in results)
                assert usage(transport)[0] == usage(transport)[2] == 0

    run(main())


def test_a_waiter_cancelled_in_the_moment_of_its_turn_passes_it_on(run_asyncio, echo):
    async def main():
        async with echo() as server, HttptoolsTransport(limits=Limits(max_connections=1)) as transport:
            first = asyncio.ensure_future(get(transport, server.request("/wait")))
            await asyncio.sleep(0.02)
            second = asyncio.ensure_future(get(transport, server.request("/2")))
            third = asyncio.ensure_future(get(transport, server.request("/3")))
            await asyncio.sleep(0.01)
            (pool,) = transport._pools.values()
            turn = pool._waiting[0]
            server.go.set()
            while not turn.done():
                await asyncio.sleep(0)
            second.cancel()
            assert await third == b"/3"
            with pytest.raises(asyncio.CancelledError):
                await second
            await first
            assert usage(transport) == (0, 1, 0)

    run_asyncio(main())


def test_a_connection_that_dies_on_its_way_to_a_waiter_is_replaced(run_asyncio, peer, ok):
    async def script(line):
        seen = await line.request()
        await asyncio.sleep(0.02)
        await line.send(ok(seen.target.encode()))  # then closes, without saying so before

    async def main():
        async with peer(script) as server, HttptoolsTransport(limits=Limits(max_connections=1)) as transport:
            results = await asyncio.gather(*(get(transport, server.request(f"/{n}")) for n in range(10)))
            assert results == [b"/%d" % n for n in range(10)]
            await asyncio.sleep(0.01)
            assert usage(transport) == (0, 0, 0)

    run_asyncio(main())


def test_origins_have_their_own_pools_and_urls_share_them(run, echo):
    async def main():
        async with echo() as one, echo() as two, HttptoolsTransport() as transport:
            for number in range(3000):  # more urls than are remembered
                if number % 100 == 0:
                    await get(transport, one.request(f"/{number}"))
                else:
                    transport._add_route(one.origin + f"/{number}")
            assert len(transport._routes) <= 2048
            await get(transport, two.request("/"))
            assert [tuple(each) for each in transport.usage().values()] == [(0, 1, 0), (0, 1, 0)]
            assert one.connections == two.connections == 1

    run(main())


def test_a_forgotten_pool_goes_away(run_asyncio, echo):
    async def main():
        async with echo() as server, HttptoolsTransport(limits=Limits(max_idle=0)) as transport:
            await get(transport, server.request())
            transport._routes.clear()
            await asyncio.sleep(0.01)
            gc.collect()
            assert transport.usage() == {}

    run_asyncio(main())


def test_two_hundred_at_once_mixed(run, peer, ok):
    async def script(line):
        while True:
            seen = await line.request()
            number = int(seen.target[1:])
            body = b"%d " % number * (number % 50 + 1)
            if number % 4 == 0:
                await line.send(ok(body))
            elif number % 4 == 1:
                chunks = [b"%x\r\n%b\r\n" % (len(body), body)] * 3
                await line.send(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n", pause=0.001
                )
            elif number % 4 == 2:
                await line.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                return
            else:
                await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + body)
                return

    async def main():
        async with peer(script) as server, HttptoolsTransport(limits=Limits(max_connections=60)) as transport:

            async def call(number):
                body = b"%d " % number * (number % 50 + 1)
                payload = b"x" * (number % 7 * 60_000)
                if number % 4 == 3:
                    with pytest.raises(ResponseTruncated):
                        await get(transport, server.request(f"/{number}", payload))
                else:
                    want = body * 3 if number % 4 == 1 else body
                    assert await get(transport, server.request(f"/{number}", payload)) == want

            await asyncio.gather(*(call(number) for number in range(600)))
            busy, _, waiting = usage(transport)
            assert (busy, waiting) == (0, 0)

    run(main())
