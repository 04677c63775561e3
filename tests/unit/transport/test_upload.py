"""Bodies that are sent in parts: framing, back-pressure, early answers, and iterables that fail."""

import asyncio
import tracemalloc
from contextlib import suppress

import pytest

from tianji_core.transport import HttptoolsTransport, InvalidRequest, ResponseTruncated

EARLY = b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nstop"


class Stream:
    """An async iterable of parts that knows what became of it."""

    def __init__(self, parts, pause=None, error=None):
        self.parts = parts
        self.pause = pause
        self.error = error
        self.taken = 0
        self.closed = False

    async def __aiter__(self):
        try:
            for part in self.parts:
                if self.pause is not None:
                    await asyncio.sleep(self.pause)
                self.taken += 1
                yield part
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


class File:
    """A body of known size that can be read again."""

    def __init__(self, *parts, size=None):
        self.parts = parts
        self.size = sum(map(len, parts)) if size is None else size
        self.read = 0

    def __iter__(self):
        self.read += 1
        return iter(self.parts)


@pytest.fixture
def echo(peer, ok):
    async def script(line):
        while True:
            seen = await line.request()
            await line.send(ok(seen.body, b"x-framing: " + (seen.get("transfer-encoding") or "length").encode()))

    return lambda: peer(script)


@pytest.mark.parametrize(
    "parts", [[], [b""], [b"a"], [b"a", b"", b"bc"], [b"x" * 70_000] * 40, [bytes(5_000_000)]], ids=len
)
def test_an_iterable_is_sent_in_chunks(run, engine, echo, parts):
    async def main():
        async with echo() as server, engine() as transport:
            for _ in range(2):
                stream = Stream(parts)
                async with await transport.send(server.request(body=stream)) as response:
                    assert await response.read() == b"".join(parts)
                    assert response.headers["x-framing"] == "chunked"
                    assert stream.closed
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("size", [262_144, 262_145, 5_000_000])
def test_large_bytes_are_sent_with_their_length(run, engine, echo, size):
    async def main():
        async with echo() as server, engine() as transport:
            body = bytes(range(256)) * (size // 256) + bytes(size % 256)
            for _ in range(2):
                async with await transport.send(server.request(body=body)) as response:
                    assert await response.read() == body
                    assert response.headers["x-framing"] == "length"
            assert server.connections == 1

    run(main())


def test_an_early_answer_stops_a_stream(run, peer):
    async def script(line):
        await line.head()
        await line.send(EARLY)
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for pause in (0.005, None):
                endless = Stream((b"x" * 1000 for _ in iter(int, 1)), pause=pause)
                async with await transport.send(server.request(body=endless)) as response:
                    assert response.status == 413
                    assert await response.read() == b"stop"
                await asyncio.sleep(0.02)
                taken = endless.taken
                await asyncio.sleep(0.02)
                assert endless.closed
                assert endless.taken == taken
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_an_early_answer_reaches_a_caller_whose_own_stream_is_stuck(run, peer):
    async def script(line):
        await line.head()
        await line.send(EARLY)
        await line.closed_by_client()

    async def main():
        async def stuck():
            yield b"first"
            await asyncio.Event().wait()

        async with (
            peer(script) as server,
            HttptoolsTransport() as transport,
            await transport.send(server.request(body=stuck())) as response,
        ):
            assert await response.read() == b"stop"

    run(main())


def test_an_early_answer_stops_large_bytes(run, peer):
    async def script(line):
        await line.head()
        await line.send(EARLY)
        line.writer.transport.pause_reading()
        await asyncio.sleep(0.05)

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            async with await transport.send(server.request(body=bytes(30_000_000))) as response:
                assert response.status == 413
                assert await response.read() == b"stop"
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_an_early_answer_to_small_bytes_spoils_nothing(run, peer, ok):
    async def script(line):
        while True:
            await line.head()
            await line.send(ok(b"early"))
            await line.reader.readexactly(5)

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for _ in range(3):
                async with await transport.send(server.request(body=b"12345")) as response:
                    assert await response.read() == b"early"
            assert server.connections == 1

    run(main())


def test_an_answer_as_a_stream_while_we_upload(run, peer):
    """The head stops the upload; what the server still says is delivered to its end."""

    async def script(line):
        await line.head()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await line.send(*[b"5\r\nhello\r\n"] * 5, b"0\r\n\r\n", pause=0.005)
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            endless = Stream((b"x" for _ in iter(int, 1)), pause=0.001)
            async with await transport.send(server.request(body=endless)) as response:
                assert b"".join([piece async for piece in response]) == b"hello" * 5
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_the_error_of_an_iterable_reaches_the_caller(run, engine, peer):
    async def script(line):
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, engine() as transport:
            for parts in ([], [b"x"] * 3, [b"x" * 100_000] * 3):
                with pytest.raises(ZeroDivisionError):
                    await transport.send(server.request(body=Stream(parts, error=ZeroDivisionError())))

    run(main())


@pytest.mark.parametrize("part", ["text", 5, None])
def test_a_part_that_is_not_bytes_is_the_callers_error(run_asyncio, peer, part):
    async def script(line):
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            with pytest.raises((TypeError, AttributeError)):
                await transport.send(server.request(body=Stream([b"ok", part])))
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run_asyncio(main())


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_server_that_goes_away_in_the_middle(run, peer, reset):
    async def script(line):
        await line.head()
        await line.reader.read(1000)
        if reset:
            line.reset()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for body in (Stream(b"x" * 50_000 for _ in iter(int, 1)), bytes(20_000_000)):
                with pytest.raises(ResponseTruncated) as caught:
                    await transport.send(server.request(body=body))
                assert caught.value.sent
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_cancelled_in_the_middle_of_an_upload(run, peer):
    async def script(line):
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            for pause in (0.001, None):
                stream = Stream((b"x" * 1000 for _ in iter(int, 1)), pause=pause)
                call = asyncio.ensure_future(transport.send(server.request(body=stream)))
                await asyncio.sleep(0.03)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                await asyncio.sleep(0.01)
                assert stream.closed
                assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_an_iterable_is_held_back_by_a_slow_server(run, peer):
    """What the server has not taken is not asked of the iterable: memory stays bounded."""

    async def script(line):
        line.writer.transport.pause_reading()
        await asyncio.sleep(0.15)
        line.writer.transport.resume_reading()
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            stream = Stream(bytes(50_000) for _ in iter(int, 1))
            call = asyncio.ensure_future(transport.send(server.request(body=stream)))
            await asyncio.sleep(0.1)
            held = stream.taken
            assert held * 50_000 < 12_000_000  # the kernel's buffers on both sides, and a part or two
            await asyncio.sleep(0.03)
            assert stream.taken == held
            await asyncio.sleep(0.1)
            assert stream.taken > held
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    run(main())


def test_large_bytes_are_not_copied_into_a_write_buffer(run, peer):
    async def script(line):
        line.writer.transport.pause_reading()
        await asyncio.sleep(0.2)

    async def main():
        body = bytes(60_000_000)
        async with peer(script) as server, HttptoolsTransport() as transport:
            tracemalloc.start()
            try:
                call = asyncio.ensure_future(transport.send(server.request(body=body)))
                await asyncio.sleep(0.1)
                assert tracemalloc.get_traced_memory()[1] < 4_000_000
            finally:
                tracemalloc.stop()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    run(main())


def test_an_iterable_that_ignores_its_cancel_holds_nobody_up(run_asyncio, peer):
    async def main():
        let_go = asyncio.Event()

        async def stubborn():
            yield b"x"
            try:
                await asyncio.Event().wait()
            finally:
                await let_go.wait()

        async def script(line):
            await line.head()
            await line.send(EARLY)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            async with await transport.send(server.request(body=stubborn())) as response:
                assert await response.read() == b"stop"
            let_go.set()

    run_asyncio(main())


@pytest.mark.parametrize("parts", [[], [b"a"], [b"a", b"", b"bc"], [b"x" * 70_000] * 40, [bytes(5_000_000)]], ids=len)
def test_a_body_of_known_size_says_its_length(run, engine, echo, parts):
    async def main():
        async with echo() as server, engine() as transport:
            body = File(*parts)
            for times in (1, 2):
                async with await transport.send(server.request(body=body)) as response:
                    assert await response.read() == b"".join(parts)
                    assert response.headers["x-framing"] == "length"
                assert body.read == times
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("size", [3, 5])
def test_a_body_of_another_size_than_it_said_is_never_taken_for_whole(run, engine, peer, size):
    seen = []

    async def script(line):
        request = await line.request()
        seen.append(request)

    async def main():
        async with peer(script) as server, engine() as transport:
            with pytest.raises(Exception, match=r"size|Content-Length"):
                await transport.send(server.request(body=File(b"1234", size=size)))

    run(main())
    assert seen == []


@pytest.mark.parametrize("parts", [[], [b"a"], [b"a", b"", b"bc"], [b"x" * 70_000] * 40], ids=len)
def test_an_iterable_of_known_length_is_sent_with_it(run, engine, echo, parts):
    async def main():
        async with echo() as server, engine() as transport:
            for _ in range(2):
                stream = Stream(parts)
                request = server.request(body=stream)
                request.length = sum(map(len, parts))
                async with await transport.send(request) as response:
                    assert await response.read() == b"".join(parts)
                    assert response.headers["x-framing"] == "length"
                    assert stream.closed
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("length", [2, 4])
def test_an_iterable_that_is_not_as_long_as_announced_takes_the_connection_down(run, engine, peer, ok, length):
    async def script(line):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                seen = await line.request()
                whole.append(seen)
                await line.send(ok(seen.body))

    whole = []

    async def main():
        async with peer(script) as server, engine() as transport:
            stream = Stream([b"a", b"bc"])
            request = server.request(body=stream)
            request.length = length
            with pytest.raises(InvalidRequest):
                await transport.send(request)
            assert stream.closed
        assert not whole

    run(main())
