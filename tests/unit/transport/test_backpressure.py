"""A reader slower than the server, and servers that send without end: memory stays bounded."""

import asyncio
import gc
import tracemalloc
import weakref

import pytest

from tianji_core.transport import HttptoolsTransport, LimitExceeded
from tianji_core.transport.response import HIGH_WATER

MEGABYTE = b"x" * (1 << 20)


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
def test_a_slow_reader_holds_the_server_back(run, peer, over_tls, server_tls, trusting):
    async def main():
        sent = 0

        async def script(line):
            nonlocal sent
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (100 << 20))
            for _ in range(100):
                await line.send(MEGABYTE)
                sent += 1

        async with (
            peer(script, tls=server_tls if over_tls else None) as server,
            HttptoolsTransport(ssl_verify=trusting) as transport,
        ):
            async with await transport.send(server.request()) as response:
                await asyncio.sleep(0.1)
                assert HIGH_WATER <= response.buffered <= HIGH_WATER + (1 << 20)
                stopped = sent
                assert stopped < 20
                await asyncio.sleep(0.05)
                assert sent == stopped
                received = 0
                async for piece in response:
                    received += len(piece)
                    assert response.buffered <= HIGH_WATER + (1 << 20)
                    if received > 30 << 20:
                        break
                assert sent >= 30
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_a_reader_that_catches_up_gets_every_byte(run, peer):
    size = 9 << 20

    async def script(line):
        while True:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, *[MEGABYTE] * 9)

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for mode in ("iterate", "iterate", "read", "both"):
                async with await transport.send(server.request()) as response:
                    await asyncio.sleep(0.02)
                    received = 0
                    if mode != "read":
                        async for piece in response:
                            received += len(piece)
                            if mode == "both":
                                break
                    if mode != "iterate":
                        received += len(await response.read())
                    assert received == size
            assert server.connections == 1

    run(main())


ENDLESS = {
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
    "one chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffff\r\n", MEGABYTE),
    "status line": (b"HTTP/1.1 200 ", MEGABYTE),
    "header value": (b"HTTP/1.1 200 OK\r\nx: ", MEGABYTE),
    "header name": (b"HTTP/1.1 200 OK\r\nx", MEGABYTE),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 100_000),
    "1xx": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 30_000),
    "chunk extension": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=", MEGABYTE),
    "trailers": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 100_000),
    "trailer": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", MEGABYTE),
    "line ends": (b"", b"\r\n" * 500_000),
}


@pytest.mark.parametrize(("first", "rest"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_stopped_in_bounded_memory(run, peer, first, rest):
    async def main():
        async def script(line):
            await line.request()
            await line.send(first)
            for _ in range(1000):  # a gigabyte, if it were taken
                await line.send(rest)

        async def call():
            async with await transport.send(server.request()) as response:
                await response.read(1 << 20)

        async with peer(script) as server, HttptoolsTransport() as transport:
            tracemalloc.start()
            try:
                with pytest.raises(LimitExceeded) as caught:
                    await call()
                assert tracemalloc.get_traced_memory()[1] < 8 << 20
            finally:
                tracemalloc.stop()
            assert caught.value.sent
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_nothing_keeps_a_body_alive(run_asyncio, peer, ok):
    """Neither a finished, nor a failed, nor a closed response waits for the garbage collector."""

    async def script(line):
        while True:
            seen = await line.request()
            if seen.target == "/cut":
                await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhello")
                return
            await line.send(ok(bytes(1000)))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            whole = [("/", action) for action in ("read", "iterate", "pour", "trip", "close")]
            for path, action in [*whole, ("/cut", "read"), ("/cut", "pour"), ("/cut", "close")]:
                response = await transport.send(server.request(path))
                marker = Marker()
                response.pieces.append(marker)
                watched = weakref.ref(marker)
                try:
                    if action == "read":
                        await response.read()
                    elif action == "iterate":
                        async for _ in response:
                            pass
                    elif action == "pour":
                        await response.pour(lambda piece: True)
                    elif action == "trip":
                        await response.pour(lambda piece: piece.trip)
                except Exception:
                    pass
                await response.aclose()
                del response, marker
                assert watched() is None, (path, action)

    gc.collect()
    gc.disable()
    try:
        run_asyncio(main())
    finally:
        gc.enable()


class Marker(bytearray):
    """Like bytes, and a weak reference can watch it."""
