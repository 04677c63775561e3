"""A stream's pieces: pushed where that can be, iterated where not, and one end for both."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError, RateLimitError
from tianji_core.api.provider import LocalReply
from tianji_core.gateway.reply import HeldStream, LocalSource, StreamReply
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.transport import ResponseTruncated

PIECES = [b"one ", b"two ", b"three ", b"four ", b"five "]


class Upper(StreamTransform):
    """Makes capitals of it. Trips over `!`, fails at `#`, swallows `-`, and says END at the end."""

    def __init__(self):
        super().__init__(wants_usage=False, keep=False)

    def feed(self, data):
        if b"!" in data:
            raise KeyError(data)
        if b"#" in data:
            self.error = RateLimitError("too much")
        return data.replace(b"-", b"").partition(b"#")[0].upper()

    def finish(self):
        return b"END"

    def kept(self):
        return []


class Source:
    """Pours these pieces, then ends, or fails."""

    def __init__(self, *pieces, failure=None):
        self.pieces = list(pieces)
        self.failure = failure
        self.closed = 0

    async def pour(self, sink):
        while self.pieces:
            await asyncio.sleep(0)
            if not sink(self.pieces.pop(0)):
                return True
        if self.failure is not None:
            raise self.failure
        return False

    async def aclose(self):
        self.closed += 1


class Client:
    """Takes pieces by push or by iteration, and keeps in which order they came."""

    def __init__(self, *refused):
        self.got = []
        self.pushes = 0
        self.refused = refused

    def push(self, piece):
        self.pushes += 1
        if self.pushes in self.refused:
            return False
        self.got.append(("pushed", piece))
        return True

    async def read(self, source, pushes=True):
        self.ends = []
        reply = StreamReply(SimpleNamespace(first_chunk_at=None, deployment=None), source, Upper())
        await reply.start()
        reply.on_end = lambda _, error: self.ends.append(error)
        if pushes:
            reply.push_to(self.push)
        async for piece in reply:
            self.got.append(("iterated", piece))
        return self.data

    @property
    def data(self):
        return b"".join(piece for _, piece in self.got)


@pytest.mark.parametrize("refused", [(), (1,), (2, 3), (4,), (1, 2, 3, 4, 5, 6)])
def test_every_piece_once_and_in_order(refused):
    source, client = Source(*PIECES), Client(*refused)
    assert asyncio.run(client.read(source)) == b"ONE TWO THREE FOUR FIVE END"
    assert client.got[0] == ("iterated", b"ONE ")
    assert client.got[-1] == ("iterated", b"END")
    pushed = [piece for how, piece in client.got if how == "pushed"]
    assert len(pushed) == max(0, 4 - len(refused))
    assert client.ends == [None]
    assert source.closed == 1


def test_without_a_push_all_is_iterated():
    client = Client()
    assert asyncio.run(client.read(Source(*PIECES), pushes=False)) == b"ONE TWO THREE FOUR FIVE END"
    assert {how for how, _ in client.got} == {"iterated"}
    assert client.pushes == 0


def test_pieces_that_come_to_nothing_are_not_pushed():
    client = Client()
    assert asyncio.run(client.read(Source(b"a", b"-", b"--", b"b"))) == b"ABEND"
    assert client.pushes == 1


@pytest.mark.parametrize("refused", [(), (1,), (2,)])
@pytest.mark.parametrize(
    ("last", "failure", "error", "out"),
    [
        (b"three#four", None, RateLimitError, b"ONE TWO THREE"),
        (b"#", None, RateLimitError, b"ONE TWO "),
        (b"!", None, BadGatewayError, b"ONE TWO "),
        (b"three", ResponseTruncated("cut", sent=True), APIConnectionError, b"ONE TWO THREE"),
    ],
)
def test_a_failure_comes_after_what_was_good(refused, last, failure, error, out):
    source, client = Source(b"one ", b"two ", last, failure=failure), Client(*refused)
    with pytest.raises(GatewayError) as caught:
        asyncio.run(client.read(source))
    assert type(caught.value) is error
    assert client.data == out
    assert client.ends == [caught.value]
    assert source.closed == 1


def test_a_failure_before_the_first_piece_is_the_starts():
    for source in (Source(b"#"), Source(b"!"), Source(failure=ResponseTruncated("cut"))):
        client = Client()
        with pytest.raises(GatewayError):
            asyncio.run(client.read(source))
        assert source.closed
        assert client.got == client.ends == []


@pytest.mark.parametrize("body", [b"one ", ((0.0, b"one "), (0.001, b"two "), (0.0, b"three "))])
def test_a_providers_own_answer(body):
    expected = LocalReply(body=body).whole().upper() + b"END"
    for refused in ((), (1,), (1, 2)):
        client = Client(*refused)
        assert asyncio.run(client.read(LocalSource(LocalReply(body=body)))) == expected


def test_what_was_held_back_is_iterated():
    async def main():
        client = Client()
        held = HeldStream(SimpleNamespace(), [b"a", b"b"])
        held.push_to(client.push)
        assert [piece async for piece in held] == [b"a", b"b"]
        assert client.pushes == 0

    asyncio.run(main())


def test_a_connection_is_closed_before_a_count_begins():
    """The first count loads a vocabulary, and holds the interpreter's lock for it: the vendor must not wait so long."""
    seen = []

    class Slow(Source):
        async def aclose(self):
            asyncio.get_running_loop().call_soon(seen.append, "closed")  # as sockets are

    async def count(reply, quick):
        seen.append("counted")
        return b""

    async def main():
        reply = StreamReply(SimpleNamespace(first_chunk_at=None, deployment=None), Slow(*PIECES), Upper())
        reply.count = count
        await reply.start()
        reply.pieces.append(await reply.__anext__())
        await reply.aclose(APIConnectionError("gone"))

    asyncio.run(main())
    assert seen == ["closed", "counted"]
