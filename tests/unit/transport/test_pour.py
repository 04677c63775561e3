"""A body poured into a sink: every byte in order, whenever the sink has enough, and the same ends as in iterating."""

import asyncio
import gzip

import pytest

from tianji_core.transport import HttptoolsTransport, ReadTimeout, ResponseTruncated, Timeouts, TotalTimeout
from tianji_core.transport.response import HIGH_WATER

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PIECES = [b"%03d," % number for number in range(200)]


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


async def in_pieces(line):
    while True:
        await line.request()
        await line.send(HEAD, *map(chunk, PIECES[:20]), pause=0.001)
        await line.send(*map(chunk, PIECES[20:]), b"0\r\n\r\n")


class Sink:
    """Keeps what it gets; has had enough after every `patience` pieces."""

    def __init__(self, patience=10**9):
        self.patience = patience
        self.got = []
        self.tasks = set()

    def __call__(self, piece):
        assert piece
        self.got.append(piece)
        self.tasks.add(asyncio.current_task())
        return len(self.got) % self.patience != 0

    @property
    def data(self):
        return b"".join(self.got)


@pytest.mark.parametrize("patience", [1, 2, 3, 10**9])
def test_every_byte_in_order(run, engine, peer, patience):
    async def main():
        async with peer(in_pieces) as server, engine() as transport:
            for _ in range(2):
                sink = Sink(patience)
                async with await transport.send(server.request()) as response:
                    times = 0
                    while await response.pour(sink):
                        times += 1
                        assert len(sink.got) == times * patience
                    assert not await response.pour(sink)
                assert sink.data == b"".join(PIECES)
            assert server.connections == 1

    run(main())


def test_in_turn_with_iterating(run, engine, peer):
    async def main():
        async with peer(in_pieces) as server, engine() as transport:
            sink = Sink(1)
            async with await transport.send(server.request()) as response:
                async for piece in response:
                    sink.got.append(piece)
                    await response.pour(sink)
            assert sink.data == b"".join(PIECES)

    run(main())


def test_no_task_is_woken_for_a_piece(run, peer):
    async def main():
        async with peer(in_pieces) as server, HttptoolsTransport() as transport:
            sink = Sink()
            async with await transport.send(server.request()) as response:
                await response.pour(sink)
            assert len(sink.got) > 10
            assert None in sink.tasks

    run(main())


def test_a_coded_body(run, engine, peer):
    coded = gzip.compress(b"".join(PIECES))

    async def script(line):
        await line.request()
        await line.send(HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"))
        await line.send(chunk(coded[:50]), chunk(coded[50:]), b"0\r\n\r\n", pause=0.005)

    async def main():
        async with peer(script) as server, engine() as transport:
            sink = Sink(1)
            async with await transport.send(server.request()) as response:
                while await response.pour(sink):
                    pass
            assert sink.data == b"".join(PIECES)

    run(main())


@pytest.mark.parametrize("pause", [0, 0.01])
def test_a_cut_comes_after_what_was_good(run, engine, peer, pause):
    async def script(line):
        await line.request()
        await line.send(HEAD, chunk(b"good"), pause=pause)

    async def main():
        async with peer(script) as server, engine() as transport:
            sink = Sink()
            async with await transport.send(server.request()) as response:
                with pytest.raises(ResponseTruncated):
                    await response.pour(sink)
                with pytest.raises(ResponseTruncated):
                    await response.pour(sink)
            assert sink.data == b"good"

    run(main())


@pytest.mark.parametrize(
    ("timeouts", "kind"),
    [(Timeouts(between_chunks=0.05), ReadTimeout), (Timeouts(total=0.1), TotalTimeout)],
    ids=["silence", "total"],
)
def test_time_outs(run, engine, peer, timeouts, kind):
    async def script(line):
        await line.request()
        await line.send(HEAD, chunk(b"good"), chunk(b"better"), pause=0.02)
        await line.closed_by_client()

    async def main():
        async with peer(script) as server, engine() as transport:
            sink = Sink()
            async with await transport.send(server.request(), timeouts) as response:
                with pytest.raises(kind):
                    await response.pour(sink)
            assert sink.data == b"goodbetter"

    run(main())


class Tripped(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3])
def test_what_the_sink_raises_is_raised(run, engine, peer, after):
    """Both for what was there already, and for what comes in while the reader sleeps."""
    calls = 0

    def sink(piece):
        nonlocal calls
        calls += 1
        if calls == after:
            raise Tripped
        return True

    async def main():
        nonlocal calls
        async with peer(in_pieces) as server, engine() as transport:
            async with await transport.send(server.request()) as response:
                with pytest.raises(Tripped):
                    await response.pour(sink)
                assert calls == after
            if engine is HttptoolsTransport:
                assert list(transport.usage().values()) == [(0, 0, 0)]
            calls = after
            async with await transport.send(server.request()) as response:
                assert not await response.pour(sink)

    run(main())


def test_a_cancel_closes_the_connection_and_nothing_is_poured_after_it(run, engine, peer):
    async def main():
        gone = asyncio.get_running_loop().create_future()

        async def script(line):
            await line.request()
            await line.send(HEAD)
            try:
                while not line.reader.at_eof():
                    await line.send(chunk(b"more"), pause=0.0005)
            finally:
                gone.set_result(None)

        async with peer(script) as server, engine() as transport:
            sink = Sink()
            response = await transport.send(server.request())
            task = asyncio.ensure_future(response.pour(sink))
            await asyncio.sleep(0.02)
            task.cancel()
            poured = len(sink.got)
            assert poured
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(sink.got) == poured
            await asyncio.wait_for(gone, 0.25)
            await response.aclose()

    run(main())


def test_a_sink_that_has_enough_holds_the_server_back(run, peer):
    megabyte = b"x" * (1 << 20)

    async def main():
        sent = 0

        async def script(line):
            nonlocal sent
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (100 << 20))
            for _ in range(100):
                await line.send(megabyte)
                sent += 1

        async with peer(script) as server, HttptoolsTransport() as transport:
            sink = Sink(1)
            async with await transport.send(server.request()) as response:
                received = 0
                while received < 30 << 20:
                    assert await response.pour(sink)
                    received += len(sink.got.pop())
                    sink.got.clear()
                await asyncio.sleep(0.1)
                assert response.buffered <= HIGH_WATER + (1 << 20)
                stopped = sent
                assert stopped < 50
                await asyncio.sleep(0.05)
                assert sent == stopped

    run(main())
