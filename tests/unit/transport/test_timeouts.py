"""Servers that are slow or never end, against each time-out."""

import asyncio
import socket
import ssl
import time

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import (
    ConnectTimeout,
    FirstByteTimeout,
    HttptoolsTransport,
    ReadTimeout,
    Timeouts,
    TotalTimeout,
    TransportTimeout,
    WriteTimeout,
)

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SHORT = 0.08
LONG = 5.0


async def forever(line, *parts, pause=0.01):
    """Send the first part once and the rest again and again."""
    await line.request()
    for part in parts[:-1]:
        await line.send(part)
    while True:
        await line.send(parts[-1], pause=pause)


async def stuck(line):
    await line.request()
    await line.closed_by_client()


def only(**times):
    return Timeouts(
        **{"connect": LONG, "pool": LONG, "write": LONG, "first_byte": LONG, "between_chunks": LONG, **times}
    )


async def exchange(transport, request, timeouts):
    async with await transport.send(request, timeouts) as response:
        async for _ in response:
            pass


def check(run, peer, script, kind, timeouts, body=b"", engine=HttptoolsTransport):
    async def main():
        async with peer(script) as server, engine() as transport:
            started = time.monotonic()
            with pytest.raises(TransportTimeout) as caught:
                await exchange(transport, server.request(body=body), timeouts)
            took = time.monotonic() - started
            assert type(caught.value) is kind
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.sent is True
            assert SHORT * 0.9 < took < SHORT * 4 + 0.2
            if engine is HttptoolsTransport:
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_no_answer_at_all(run, engine, peer):
    check(run, peer, stuck, FirstByteTimeout, only(first_byte=SHORT), engine=engine)


def test_a_head_that_drips(run, peer):
    async def script(line):
        await forever(line, b"HTTP/1.1 200 OK\r\nx: ", b"a")

    check(run, peer, script, FirstByteTimeout, only(first_byte=SHORT))


def test_informational_responses_do_not_count_as_an_answer(run, peer):
    async def script(line):
        await forever(line, b"HTTP/1.1 103 Early Hints\r\n\r\n")

    check(run, peer, script, FirstByteTimeout, only(first_byte=SHORT))


def test_silence_inside_a_body(run, engine, peer):
    async def script(line):
        await line.request()
        await line.send(HEAD, b"5\r\nhello\r\n")
        await line.closed_by_client()

    check(run, peer, script, ReadTimeout, only(between_chunks=SHORT), engine=engine)


def test_silence_behind_a_head(run, engine, peer):
    async def script(line):
        await line.request()
        await line.send(HEAD)
        await line.closed_by_client()

    check(run, peer, script, ReadTimeout, only(between_chunks=SHORT), engine=engine)


def test_a_body_that_never_ends_meets_the_total(run, engine, peer):
    async def script(line):
        await forever(line, HEAD, b"5\r\nhello\r\n")

    check(run, peer, script, TotalTimeout, only(total=SHORT), engine=engine)


def test_no_answer_meets_the_total(run, engine, peer):
    check(run, peer, stuck, TotalTimeout, only(total=SHORT), engine=engine)


def test_a_server_that_takes_no_bytes(run, engine, peer):
    async def script(line):
        line.writer.transport.pause_reading()
        await asyncio.sleep(LONG)

    check(run, peer, script, WriteTimeout, only(write=SHORT), body=b"x" * 30_000_000, engine=engine)


def test_a_server_that_takes_no_bytes_of_a_stream(run, peer):
    async def script(line):
        line.writer.transport.pause_reading()
        await asyncio.sleep(LONG)

    async def body():
        while True:
            yield b"x" * 100_000

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            with pytest.raises(WriteTimeout):
                await transport.send(server.request(body=body()), only(write=SHORT))

    run(main())


def test_a_slow_upload_of_the_callers_own_is_not_the_servers_fault(run, peer, ok):
    async def script(line):
        while True:
            assert (await line.request()).body == b"abc"
            await line.send(ok(b"ok"))

    async def body():
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(SHORT)
            yield part

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            tight = only(write=SHORT / 2, first_byte=SHORT / 2)
            async with await transport.send(server.request(body=body()), tight) as response:
                assert await response.read() == b"ok"
            with pytest.raises(TotalTimeout):
                await transport.send(server.request(body=body()), only(total=SHORT))

    run(main())


def test_a_slow_server_that_makes_progress_is_waited_for(run, peer):
    async def script(line):
        await line.request()
        await line.send(HEAD, *[b"1\r\na\r\n"] * 12, b"0\r\n\r\n", pause=SHORT / 4)

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for _ in range(2):
                patience = only(between_chunks=SHORT, first_byte=SHORT, write=SHORT)
                async with await transport.send(server.request(), patience) as response:
                    assert await response.read() == b"a" * 12

    run(main())


def test_an_upload_that_makes_progress_is_waited_for(run, peer, ok):
    size = 12_000_000

    async def script(line):
        await line.head()
        left = size
        while left:
            left -= len(await line.reader.read(min(left, 400_000)))
            await asyncio.sleep(SHORT / 8)
        await line.send(ok(b"ok"))

    async def main():
        async with (
            peer(script) as server,
            HttptoolsTransport() as transport,
            await transport.send(server.request(body=bytes(size)), only(write=SHORT * 2)) as response,
        ):
            assert await response.read() == b"ok"

    run(main())


def test_a_slow_reader_is_not_the_servers_silence(run, peer):
    """While we hold the stream back ourselves, the server cannot send, and its patience clock stands still."""
    size = 20_000_000

    async def script(line):
        await line.request()
        line.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size))
        await line.writer.drain()

    async def main():
        async with (
            peer(script) as server,
            HttptoolsTransport() as transport,
            await transport.send(server.request(), only(between_chunks=SHORT)) as response,
        ):
            await asyncio.sleep(SHORT * 3)
            assert sum([len(piece) async for piece in response]) == size

    run(main())


def test_a_time_out_of_one_exchange_does_not_reach_into_the_next(run, peer, ok):
    async def script(line):
        while True:
            seen = await line.request()
            await asyncio.sleep(float(seen.target[1:]))
            await line.send(ok(b"ok"))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for patience, wait in [(0.05, 0.0), (1.0, 0.15), (None, 0.1), (0.5, 0.1)]:
                request = server.request(f"/{wait}")
                async with await transport.send(request, only(first_byte=patience, total=patience)) as response:
                    await response.read()
            assert server.connections == 1
            with pytest.raises(FirstByteTimeout):
                await transport.send(server.request("/0.3"), only(first_byte=SHORT))

    run(main())


def test_without_limits_no_timer_is_armed(run_asyncio, peer, ok):
    async def script(line):
        while True:
            await line.request()
            await asyncio.sleep(0.02)
            await line.send(ok(b"ok"))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for _ in range(2):
                async with await transport.send(server.request(), Timeouts(*[None] * 6)) as response:
                    assert await response.read() == b"ok"

    run_asyncio(main())


def test_one_timer_serves_many_exchanges(run_asyncio, peer, ok):
    async def script(line):
        while True:
            await line.request()
            await line.send(ok(b"ok"))

    async def main():
        loop = asyncio.get_running_loop()
        async with peer(script) as server, HttptoolsTransport() as transport:
            armed = []
            call_at = loop.call_at
            loop.call_at = lambda *args, **kwargs: armed.append(args) or call_at(*args, **kwargs)
            for _ in range(50):
                async with await transport.send(server.request()) as response:
                    await response.read()
            del loop.call_at
            assert len(armed) <= 5

    run_asyncio(main())


@pytest.fixture
def full():
    """The port of a listener whose queue is full: connecting to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    yield listener.getsockname()[1]
    for each in (*fillers, listener):
        each.close()


def test_a_host_that_does_not_answer(run, engine, full):
    async def main():
        async with engine() as transport:
            request = UpstreamRequest("POST", f"http://127.0.0.1:{full}/")
            with pytest.raises(ConnectTimeout) as caught:
                await transport.send(request, only(connect=SHORT))
            assert caught.value.sent is False
            with pytest.raises(TotalTimeout):
                await transport.send(request, only(total=SHORT))

    run(main())


def test_a_handshake_that_hangs(run, peer):
    async def script(line):
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport(ssl_verify=ssl.create_default_context()) as transport:
            with pytest.raises(ConnectTimeout) as caught:
                await transport.send(UpstreamRequest("POST", f"https://127.0.0.1:{server.port}/"), only(connect=SHORT))
            assert caught.value.sent is False
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())
