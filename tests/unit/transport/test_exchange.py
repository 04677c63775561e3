"""Plain exchanges over real sockets: what the contract promises of both engines."""

import asyncio
import gzip
import zlib

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import (
    ConnectError,
    HttptoolsTransport,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    ResponseTruncated,
    TransportError,
)


async def collect(response, into):
    async for piece in response:
        into.append(piece)


@pytest.fixture
def answering(peer):
    """answering(raw, …): a peer that gives these answers in turn, one per request."""

    def make(*raws, **options):
        remaining = list(raws)

        async def script(line):
            while True:
                line.seen = await line.request()
                await line.send(remaining.pop(0) if len(remaining) > 1 else remaining[0])

        return peer(script, **options)

    return make


def test_requests_and_responses_pass_unchanged(run, engine, peer, ok):
    seen = []

    async def script(line):
        while True:
            seen.append(await line.request())
            await line.send(ok(b"the body", b"X-Case: Kept", b"set-cookie: a", b"set-cookie: b", status=b"418 Teapot"))

    async def main():
        async with peer(script) as server, engine() as transport:
            for _ in range(3):
                request = server.request("/p?q=1&r=%20", b"payload", headers=[("X-One", "1"), ("x-two", "zwei ü")])
                async with await transport.send(request) as response:
                    assert response.status == 418
                    assert response.headers.get_all("set-cookie") == ["a", "b"]
                    assert response.headers["x-case"] == "Kept"
                    assert await response.read() == b"the body"
                    assert await response.read() == b""
            assert server.connections == 1

    run(main())
    assert len(seen) == 3
    for each in seen:
        assert (each.method, each.target, each.body) == ("POST", "/p?q=1&r=%20", b"payload")
        sent = [(name.lower(), value) for name, value in each.headers if name.lower() != "host"]
        assert sorted(sent) == [
            ("accept-encoding", "identity"),
            ("content-length", "7"),
            ("user-agent", "tianji"),
            ("x-one", "1"),
            ("x-two", "zwei ü"),
        ]


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "POST", "PATCH"])
def test_methods_without_a_body(run_asyncio, engine, peer, method):
    async def script(line):
        while True:
            seen = await line.request()
            assert seen.method == method
            assert seen.get("content-length") == ("0" if method in ("POST", "PATCH") else None)
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + (b"" if method == "HEAD" else b"ok"))

    async def main():
        async with peer(script) as server, engine() as transport:
            for _ in range(2):
                async with await transport.send(server.request(method=method)) as response:
                    assert await response.read() == (b"" if method == "HEAD" else b"ok")
                    assert response.headers["content-length"] == "2"

    run_asyncio(main())


FRAMED = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\nx-t: 1\r\n\r\n",
    "until eof": b"HTTP/1.1 200 OK\r\n\r\nhello world",
    "early hints": b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
}


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("raw", FRAMED.values(), ids=FRAMED)
def test_every_framing_is_read_and_iterated(run, engine, peer, raw, step):
    async def script(line):
        await line.request()
        await line.send(*(raw[i : i + step] for i in range(0, len(raw), step)))

    async def main():
        async with peer(script) as server, engine() as transport:
            async with await transport.send(server.request()) as response:
                assert await response.read() == b"hello world"
            async with await transport.send(server.request()) as response:
                pieces = [piece async for piece in response]
                assert all(pieces)
                assert b"".join(pieces) == b"hello world"

    run(main())


def test_pieces_arrive_as_they_are_sent(run, engine, peer):
    async def main():
        turn = asyncio.Event()

        async def script(line):
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for number in range(5):
                await turn.wait()
                turn.clear()
                await line.send(b"1\r\n%d\r\n" % number)
            await line.send(b"0\r\n\r\n")

        async with (
            peer(script) as server,
            engine() as transport,
            await transport.send(server.request()) as response,
        ):
            got = []
            turn.set()
            async for piece in response:
                got.append(piece)
                turn.set()
            assert got == [b"0", b"1", b"2", b"3", b"4"]

    run(main())


@pytest.mark.parametrize(
    ("coding", "coded"),
    [(b"gzip", gzip.compress(b"hello" * 999)), (b"deflate", zlib.compress(b"hello" * 999))],
    ids=["gzip", "deflate"],  # there is the time in what gzip makes
)
def test_a_compressed_body_is_handed_out_plain(run_asyncio, engine, answering, ok, coding, coded):
    async def main():
        async with answering(ok(coded, b"content-encoding: " + coding)) as server, engine() as transport:
            async with await transport.send(server.request()) as response:
                assert await response.read() == b"hello" * 999
                assert "content-encoding" not in response.headers
                assert "content-length" not in response.headers
            async with await transport.send(server.request()) as response:
                assert b"".join([piece async for piece in response]) == b"hello" * 999

    run_asyncio(main())


def test_an_unknown_coding_is_passed_through(run_asyncio, engine, answering, ok):
    async def main():
        async with (
            answering(ok(b"\x8b\x00", b"content-encoding: br")) as server,
            engine() as transport,
            await transport.send(server.request()) as response,
        ):
            assert response.headers["content-encoding"] == "br"
            assert await response.read() == b"\x8b\x00"

    run_asyncio(main())


def test_a_compressed_body_cut_short_is_told(run_asyncio, engine, answering, ok):
    async def main():
        coded = gzip.compress(b"hello" * 999)[:-1]
        async with answering(ok(coded, b"content-encoding: gzip")) as server, engine() as transport:
            async with await transport.send(server.request()) as response:
                with pytest.raises(ResponseTruncated):
                    await response.read()
            async with await transport.send(server.request()) as response:
                with pytest.raises(ResponseTruncated):
                    async for _ in response:
                        pass

    run_asyncio(main())


def test_a_body_beyond_the_limit_is_refused(run, engine, answering, ok):
    bomb = gzip.compress(bytes(5_000_000))

    async def main():
        raws = [ok(b"x" * 1000), ok(b"x" * 1001), ok(b"x" * 900_000), ok(bomb, b"content-encoding: gzip")]
        async with answering(*raws) as server, engine() as transport:
            async with await transport.send(server.request()) as response:
                assert len(await response.read(1000)) == 1000
            for limit in (1000, 1000, 100_000):
                async with await transport.send(server.request()) as response:
                    with pytest.raises(LimitExceeded):
                        await response.read(limit)

    run(main())


def test_redirects_are_handed_out(run_asyncio, engine, answering, ok):
    async def main():
        raw = ok(b"", b"location: http://127.0.0.1:1/elsewhere", status=b"302 Found")
        async with (
            answering(raw) as server,
            engine() as transport,
            await transport.send(server.request()) as response,
        ):
            assert response.status == 302

    run_asyncio(main())


def test_environment_proxies_are_ignored(run_asyncio, engine, answering, ok, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def main():
        async with (
            answering(ok(b"ok")) as server,
            engine() as transport,
            await transport.send(server.request()) as response,
        ):
            assert await response.read() == b"ok"

    run_asyncio(main())


@pytest.mark.parametrize(
    "request_",
    [
        UpstreamRequest("POST", "http://h/a b"),
        UpstreamRequest("POST", "http://user:secret@h/"),
        UpstreamRequest("POST", "ftp://h/"),
        UpstreamRequest("POST", "http://h/", [("a", "secret\r\nx: y")]),
        UpstreamRequest("POST", "http://h/", [("a", "secret\0")]),
        UpstreamRequest("POST", "http://h/", [("host", "secret")]),
        UpstreamRequest("POST", "http://h/", [("Content-Length", "5")]),
        UpstreamRequest("PO ST", "http://h/"),
        UpstreamRequest("POST", "http://h/", [], "secret text"),  # type: ignore[arg-type]
        UpstreamRequest("POST", "http://h/", [], [b"secret"]),  # type: ignore[arg-type]
    ],
)
def test_an_invalid_request_is_refused_before_anything_is_sent(run_asyncio, engine, request_):
    async def main():
        async with engine() as transport:
            with pytest.raises(InvalidRequest) as caught:
                await transport.send(request_)
            assert caught.value.sent is False
            assert "secret" not in str(caught.value)

    run_asyncio(main())


def test_nobody_listens(run, engine):
    async def main():
        async with engine() as transport:
            for _ in range(3):
                with pytest.raises(ConnectError) as caught:
                    await transport.send(UpstreamRequest("POST", "http://127.0.0.1:1/x?key=secret"))
                assert caught.value.sent is False
                assert "127.0.0.1:1" in str(caught.value)
                assert "secret" not in str(caught.value)

    run(main())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b"])
def test_no_such_name(run, engine, host):
    async def main():
        async with engine() as transport:
            with pytest.raises(ConnectError) as caught:
                await transport.send(UpstreamRequest("POST", f"http://{host}/"))
            assert caught.value.sent is False

    run(main())


def test_garbage_and_cuts_have_their_errors(run_asyncio, engine, peer):
    raws = {
        b"SSH-2.0-x\r\n\r\n": ProtocolError,
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello": ResponseTruncated,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n": ResponseTruncated,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n": ProtocolError,
        b"HTTP/1.1 200 OK\r\n": ResponseTruncated,
        b"": ResponseTruncated,
    }

    async def main():
        for raw, kind in raws.items():

            async def script(line, raw=raw):
                await line.request()
                await line.send(raw)

            async with peer(script) as server, engine() as transport:
                with pytest.raises(kind) as caught:
                    async with await transport.send(server.request()) as response:
                        await response.read()
                assert caught.value.sent is True
                assert type(caught.value) is kind, raw

    run_asyncio(main())


def test_pieces_before_a_cut_are_handed_out_first(run, engine, peer):
    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")

    async def main():
        async with (
            peer(script) as server,
            engine() as transport,
            await transport.send(server.request()) as response,
        ):
            got = []
            with pytest.raises(ResponseTruncated):
                await collect(response, got)
            assert got == [b"hello"]

    run(main())


@pytest.mark.parametrize("how", ["cut", "too large", "closed"])
def test_a_failed_response_stays_failed(run, engine, peer, how):
    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 1000)

    async def main():
        kind = {"cut": ResponseTruncated, "too large": LimitExceeded, "closed": TransportError}[how]
        async with peer(script) as server, engine() as transport:
            response = await transport.send(server.request())
            if how == "closed":
                await response.aclose()
            else:
                with pytest.raises(kind):
                    await response.read(500 if how == "too large" else 5000)
            for _ in range(2):
                with pytest.raises(TransportError):
                    await response.read()
                with pytest.raises(TransportError):
                    await collect(response, [])
                await response.aclose()

    run(main())


def test_a_closed_response_closes_its_connection(run, engine, peer):
    async def main():
        gone = []

        async def script(line):
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")
            gone.append(await line.closed_by_client())

        async with peer(script) as server, engine() as transport:
            for number in range(1, 4):
                response = await transport.send(server.request())
                if number == 3:
                    await response.__aiter__().__anext__()
                await response.aclose()
                await response.aclose()
                while len(gone) < number:
                    await asyncio.sleep(0.001)
            assert server.connections == 3

    run(main())


def test_a_closed_transport_refuses(run, engine, answering, ok):
    async def main():
        async with answering(ok(b"ok")) as server:
            transport = engine()
            async with await transport.send(server.request()) as response:
                await response.read()
            await transport.aclose()
            with pytest.raises(ConnectError):
                await transport.send(server.request())
            await transport.aclose()

    run(main())


def test_an_exchange_under_way_survives_the_close_of_its_transport(run, peer):
    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello", b"world", pause=0.02)
        await line.closed_by_client()  # it is not kept

    async def main():
        async with peer(script) as server:
            transport = HttptoolsTransport()
            response = await transport.send(server.request())
            await transport.aclose()
            assert await response.read() == b"helloworld"
            assert all(usage == (0, 0, 0) for usage in transport.usage().values())

    run(main())


def test_one_reader_at_a_time(run_asyncio, peer):
    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
        await line.closed_by_client()

    async def main():
        async with (
            peer(script) as server,
            HttptoolsTransport() as transport,
            await transport.send(server.request()) as response,
        ):
            first = asyncio.ensure_future(response.read())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await response.read()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            with pytest.raises(TransportError):
                await response.read()

    run_asyncio(main())


def test_a_transport_belongs_to_one_loop(run_asyncio, answering, ok):
    transport = HttptoolsTransport()

    async def main():
        async with answering(ok(b"ok")) as server:
            async with await transport.send(server.request()) as response:
                await response.read()
            for pool in list(transport._pools.values()):
                pool.close()

    run_asyncio(main())
    with pytest.raises(RuntimeError):
        run_asyncio(main())
