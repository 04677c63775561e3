"""Thousands of cancels at random points: nothing leaks, and nobody gets the answer to another's request."""

import asyncio
import random

import pytest

from tianji_core.transport import HttptoolsTransport, Limits, TransportError

CANCELS = 5000


async def nothing():
    pass


def script_of(ok):
    """A server of all kinds of answers; each carries the id of its request in head and body."""

    async def script(line):
        chance = random.Random(line.number)
        while True:
            seen = await line.request()
            ident = seen.target[1:].encode()
            body = ident * 200
            kind = chance.randrange(8)
            if kind == 0:
                await line.send(ok(body, b"x-id: " + ident))
            elif kind == 1:
                raw = ok(body, b"x-id: " + ident)
                await line.send(raw[:20], raw[20:90], raw[90:])
            elif kind in (2, 3):
                await line.send(b"HTTP/1.1 200 OK\r\nx-id: %b\r\ntransfer-encoding: chunked\r\n\r\n" % ident)
                for _ in range(200):
                    line.writer.write(b"%x\r\n%b\r\n" % (len(ident), ident))
                    if chance.random() < 0.02:
                        await asyncio.sleep(0)
                await line.send(b"0\r\n\r\n")
            elif kind == 4:
                await asyncio.sleep(chance.random() * 0.004)
                await line.send(ok(body, b"x-id: " + ident))
            elif kind == 5:
                await line.send(b"HTTP/1.1 103 Early\r\n\r\n", ok(body, b"x-id: " + ident))
            elif kind == 6:
                await line.send(b"HTTP/1.1 200 OK\r\nx-id: %b\r\nconnection: close\r\n\r\n%b" % (ident, body))
                return
            else:
                await line.send(ok(body, b"x-id: " + ident, b"connection: close"))
                return

    return script


async def storm(server, transport, cancels, seed):
    """Calls, most of them cancelled at a random point, until `cancels` of them were."""
    chance = random.Random(seed)
    ident = cancelled = finished = 0

    async def parts(body):
        for start in range(0, len(body), 5000):
            yield body[start : start + 5000]
            await asyncio.sleep(0)

    async def call(number):
        name = b"%08d" % number
        payload = bytes(chance.choice([0, 10, 1000, 20_000]))
        body = parts(payload) if chance.random() < 0.2 else payload
        async with await transport.send(server.request(f"/{number:08d}", body)) as response:
            assert response.headers["x-id"].encode() == name
            how = chance.random()
            if how < 0.45:
                assert await response.read() == name * 200
            elif how < 0.7:
                assert b"".join([piece async for piece in response]) == name * 200
            elif how < 0.9:
                poured = []
                while await response.pour(lambda piece: poured.append(piece) or chance.random() < 0.8):
                    await asyncio.sleep(0)
                assert b"".join(poured) == name * 200
            # else left unread: the connection must go

    while cancelled < cancels:
        calls = []
        for _ in range(20):
            ident += 1
            calls.append(asyncio.ensure_future(call(ident)))
        for _ in range(chance.randrange(1, 4)):
            for each in chance.sample(calls, 6):
                each.cancel()
            for _ in range(chance.choice([0, 1, 1, 2, 3, 5, 8])):
                await asyncio.sleep(0)
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() * 0.003)
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, asyncio.CancelledError):
                cancelled += 1
            elif isinstance(result, BaseException):
                assert isinstance(result, TransportError) is False, result
                raise result
            else:
                finished += 1
        busy, idle, waiting = next(iter(transport.usage().values()), (0, 0, 0))
        assert (busy, waiting) == (0, 0)
        assert idle <= 12
    return finished


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
def test_five_thousand_cancels(run, peer, ok, over_tls, server_tls, trusting):
    async def main():
        async with peer(script_of(ok), tls=server_tls if over_tls else None) as server:
            limits = Limits(max_connections=12)
            async with HttptoolsTransport(limits=limits, ssl_verify=trusting) as transport:
                finished = await storm(server, transport, CANCELS if not over_tls else CANCELS // 10, seed=1)
                assert finished > 200
                async with await transport.send(server.request("/00000000")) as response:
                    assert await response.read() == b"00000000" * 200

    run(main())


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_many_more_cancels(run, peer, ok, seed):
    async def main():
        async with peer(script_of(ok)) as server, HttptoolsTransport(limits=Limits(max_connections=12)) as transport:
            await storm(server, transport, 10_000, seed)

    run(main())


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
def test_a_cancel_after_every_number_of_steps(run, peer, ok, over_tls, server_tls, trusting):
    """Not at random: for each kind of exchange, after 0, 1, 2, … rounds of the loop."""

    async def script(line):
        while True:
            seen = await line.request()
            await line.send(ok(seen.body), pause=0.001)

    async def body():
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    async def call(transport, request):
        async with await transport.send(request) as response:
            return await response.read()

    async def main():
        async with peer(script, tls=server_tls if over_tls else None) as server:
            for warm in (False, True):
                for make in (lambda: b"ab", body, lambda: bytes(600_000)):
                    for steps in range(30 if over_tls else 16):
                        async with HttptoolsTransport(ssl_verify=trusting) as transport:
                            if warm:
                                assert await call(transport, server.request(body=b"x")) == b"x"
                            task = asyncio.ensure_future(call(transport, server.request(body=make())))
                            for _ in range(steps):
                                await asyncio.sleep(0)
                            task.cancel()
                            (result,) = await asyncio.gather(task, return_exceptions=True)
                            assert isinstance(result, asyncio.CancelledError) or result in (b"ab", bytes(600_000))
                            assert next(iter(transport.usage().values()), (0,))[0] == 0
                            assert await call(transport, server.request(body=b"y")) == b"y"

    run(main())
