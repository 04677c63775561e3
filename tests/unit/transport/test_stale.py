"""Kept-alive connections that the server no longer wants: sent once more if that is safe, never otherwise."""

import asyncio
import socket
import threading
import time

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import ConnectError, HttptoolsTransport, ResponseTruncated

BIG = b"x" * 1_000_000


async def get(transport, request):
    async with await transport.send(request) as response:
        return await response.read()


def test_a_connection_closed_while_idle_is_not_used(run, peer, ok):
    async def script(line):
        await line.request()
        await line.send(ok(b"%d" % line.number))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for number in range(3):
                assert await get(transport, server.request()) == b"%d" % number
                await asyncio.sleep(0.01)
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_an_end_that_the_loop_has_not_seen_yet_is_noticed(run, ok):
    listener = socket.create_server(("127.0.0.1", 0))
    rounds = 5

    def serve():  # in a thread, so that it can close while the client's loop stands still
        for number in range(rounds):
            connection, _ = listener.accept()
            with connection:
                while not connection.recv(10_000).endswith(b"0\r\n\r\n"):
                    pass
                connection.sendall(ok(b"%d" % number))
            closed.set()

    async def body():  # cannot be sent twice
        yield b"x"

    async def main():
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with HttptoolsTransport() as transport:
            for number in range(rounds):
                assert await get(transport, UpstreamRequest("POST", url, [], body())) == b"%d" % number
                closed.wait(5)
                time.sleep(0.005)
                closed.clear()

    closed = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    run(main())
    thread.join()
    listener.close()


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("body", [b"payload", BIG], ids=["small", "big"])
def test_closed_on_the_second_request_is_sent_once_more(run, peer, ok, reset, body):
    async def main():
        served = []

        async def script(line):
            assert len((await line.request()).body) == len(body)
            served.append(line.number)
            await line.send(ok(b"%d" % line.number))
            await line.request()
            if reset:
                line.reset()

        async with peer(script) as server, HttptoolsTransport() as transport:
            assert await get(transport, server.request(body=body)) == b"0"
            assert await get(transport, server.request(body=body)) == b"1"
            assert served == [0, 1]
            assert list(transport.usage().values()) == [(0, 1, 0)]

    run(main())


def test_only_once_more(run, peer, ok):
    async def main():
        async def script(line):
            await line.request()
            if line.number == 0:
                await line.send(ok())
                await line.request()

        async with peer(script) as server, HttptoolsTransport() as transport:
            await get(transport, server.request())
            with pytest.raises(ResponseTruncated) as caught:
                await get(transport, server.request())
            assert caught.value.sent
            assert server.connections == 2

    run(main())


def test_the_second_try_takes_no_other_kept_connection(run, peer, ok):
    async def main():
        async def script(line):
            await line.request()
            if line.number < 3:
                await asyncio.sleep(0.02)  # so that three connections are open at once
                await line.send(ok(b"%d" % line.number))
                await line.request()  # … and each is closed on its second request
            else:
                await line.send(ok(b"%d" % line.number))

        async with peer(script) as server, HttptoolsTransport() as transport:
            assert sorted(await asyncio.gather(*(get(transport, server.request()) for _ in range(3)))) == [
                b"0",
                b"1",
                b"2",
            ]
            assert await get(transport, server.request()) == b"3"

    run(main())


def test_a_fresh_connection_is_never_sent_on_twice(run, peer):
    async def script(line):
        await line.request()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            with pytest.raises(ResponseTruncated):
                await get(transport, server.request())
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("some", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_never_after_a_byte_of_an_answer(run, peer, ok, some):
    async def script(line):
        await line.request()
        await line.send(ok())
        await line.request()
        await line.send(some)

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            await get(transport, server.request())
            with pytest.raises(ResponseTruncated):
                await get(transport, server.request())
            assert server.connections == 1

    run(main())


def test_never_with_a_body_that_cannot_be_repeated(run, peer, ok):
    async def script(line):
        await line.request()
        await line.send(ok())
        await line.request()

    async def body():
        yield b"x"

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            await get(transport, server.request())
            with pytest.raises(ResponseTruncated):
                await get(transport, server.request(body=body()))
            assert server.connections == 1

    run(main())


def test_an_error_of_the_second_try_says_that_bytes_were_sent(run, peer, ok):
    async def main():
        async def script(line):
            await line.request()
            await line.send(ok())
            await line.request()
            server._server.close()  # nobody will listen for the second try
            await asyncio.sleep(0.01)

        async with peer(script) as server, HttptoolsTransport() as transport:
            await get(transport, server.request())
            with pytest.raises(ConnectError) as caught:
                await get(transport, server.request())
            assert caught.value.sent is True

    run(main())


def test_bytes_on_an_idle_connection_never_become_an_answer(run, peer, ok):
    async def main():
        for pause in (0.0, 0.01):

            async def script(line, pause=pause):
                await line.request()
                await line.send(ok(b"mine"), ok(b"poison"), pause=pause)
                await line.request()
                await line.send(ok(b"mine"))

            async with peer(script) as server, HttptoolsTransport() as transport:
                for _ in range(3):
                    assert await get(transport, server.request()) == b"mine"
                    await asyncio.sleep(0.02)

    run(main())


def test_bytes_before_the_first_request(run, peer, ok):
    async def script(line):
        await line.send(ok(b"poison"))
        await line.request()
        await line.send(ok(b"mine"))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for _ in range(5):
                try:
                    # A fresh connection: whether these bytes came before or after our request is the server's secret.
                    assert await get(transport, server.request()) in (b"mine", b"poison")
                except ResponseTruncated:
                    pass
                await asyncio.sleep(0.01)
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok0",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1",
    ],
)
def test_a_connection_is_not_kept(run, peer, raw):
    async def script(line):
        await line.request()
        await line.send(raw)
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for _ in range(3):
                assert await get(transport, server.request()) == b"ok"
                assert list(transport.usage().values()) == [(0, 0, 0)]
            assert server.connections == 3

    run(main())
