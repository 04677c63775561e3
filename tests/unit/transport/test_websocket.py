"""WebSockets to upstreams: the handshake, messages, and all the ways in which they end."""

import asyncio
import base64
import hashlib
import struct
import time

import pytest

from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.transport import (
    ConnectError,
    FirstByteTimeout,
    ForbiddenAddress,
    HttptoolsTransport,
    HttpxTransport,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    ReadTimeout,
    ResponseTruncated,
    Timeouts,
    TLSError,
    WriteTimeout,
    websocket,
)

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


async def accept(line, *fields, accept=None):
    """Read a handshake and answer it; the request's fields by name in lower case, and its target."""
    method, target, headers = await line.head()
    assert method == "GET"
    found = {name.lower(): value for name, value in headers}
    token = accept or base64.b64encode(hashlib.sha1(found["sec-websocket-key"].encode() + GUID).digest())
    lines = b"".join(field + b"\r\n" for field in fields)
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    await line.send(head + b"sec-websocket-accept: " + token + b"\r\n" + lines + b"\r\n")
    return target, found


def frame(first, payload=b""):
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    return bytes([first]) + (struct.pack("!BH", 126, size) if size < 65536 else struct.pack("!BQ", 127, size)) + payload


async def read_frame(line):
    """One frame of a client, unmasked."""
    first, second = await line.reader.readexactly(2)
    assert second & 0x80, "a client has to mask its frames"
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await line.reader.readexactly(2 if size == 126 else 8), "big")
    mask = await line.reader.readexactly(4)
    data = await line.reader.readexactly(size)
    return first, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def opening(server, path="/v1/realtime?model=m", scheme="ws", headers=()):
    return UpstreamRequest("GET", f"{scheme}://127.0.0.1:{server.port}{path}", list(headers))


def test_the_handshake(run, peer):
    async def main():
        seen = []

        async def script(line):
            seen.append(await accept(line, b"x-request-id: r1"))
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            headers = [("authorization", "Bearer k"), ("X-Team", "blue")]
            socket = await transport.open_websocket(opening(server, headers=headers))
            assert socket.headers.get("x-request-id") == "r1"
            socket.abort()
            ((target, fields),) = seen
            assert target == "/v1/realtime?model=m"
            assert fields["host"] == f"127.0.0.1:{server.port}"
            assert (fields["authorization"], fields["x-team"], fields["user-agent"]) == ("Bearer k", "blue", "tianji")
            assert fields["sec-websocket-version"] == "13"
            assert "sec-websocket-extensions" not in fields
            assert "content-length" not in fields

    run(main())


def test_messages_come_and_go_as_they_are(run, peer):
    async def main():
        async def script(line):
            await accept(line)
            first, data = await read_frame(line)
            assert (first, data) == (TEXT, "héllo".encode())
            await line.send(frame(TEXT, data))
            first, data = await read_frame(line)
            assert first == BINARY
            await line.send(frame(BINARY, data))
            # In pieces, with a ping between them, and cut inside of a letter.
            await line.send(frame(0x01, "ä".encode()[:1]), frame(PING, b"?"), frame(0x80, "ä".encode()[1:]), pause=0.01)
            assert await read_frame(line) == (PONG, b"?")
            await line.send(frame(TEXT), frame(BINARY))
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            await socket.send("héllo")
            assert await socket.receive() == "héllo"
            data = bytes(range(256)) * 1000
            await socket.send(data)
            assert await socket.receive() == data
            assert [await socket.receive() for _ in range(3)] == ["ä", "", b""]
            await socket.close()

    run(main())


def test_frames_that_come_with_the_handshake(run, peer):
    async def main():
        async def script(line):
            line.writer.transport.pause_reading()
            line.writer.transport.resume_reading()
            _, _, headers = await line.head()
            key = next(value for name, value in headers if name.lower() == "sec-websocket-key")
            token = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
            head = b"HTTP/1.1 101 OK\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
            goodbye = frame(CLOSE, struct.pack("!H", 3000) + b"no")
            await line.send(head + token + b"\r\n\r\n" + frame(TEXT, b"at once") + goodbye)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            assert await socket.receive() == "at once"
            assert await socket.receive() is None
            assert (socket.close_code, socket.close_reason) == (3000, "no")
            await socket.close()

    run(main())


@pytest.mark.parametrize(("payload", "code"), [(b"", 1005), (struct.pack("!H", 4001) + "ä".encode(), 4001)])
def test_the_servers_close_is_answered(run, peer, payload, code):
    async def main():
        answers = asyncio.Queue()

        async def script(line):
            await accept(line)
            await line.send(frame(CLOSE, payload))
            answers.put_nowait(await read_frame(line))
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            assert await socket.receive() is None
            assert await socket.receive() is None
            assert socket.close_code == code
            with pytest.raises(ResponseTruncated):
                await socket.send("too late")
            await socket.close(1000)
            assert await asyncio.wait_for(answers.get(), 2) == (CLOSE, payload)

    run(main())


@pytest.mark.parametrize(
    ("code", "reason", "sent"),
    [(1000, "", struct.pack("!H", 1000)), (3001, "äh", struct.pack("!H", 3001) + "äh".encode()), (1005, "", b"")],
)
def test_our_close_and_the_servers_answer(run, peer, code, reason, sent):
    async def main():
        frames = []

        async def script(line):
            await accept(line)
            frames.append(await read_frame(line))
            await line.send(frame(TEXT, b"unread"), frame(CLOSE, sent))
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            started = time.monotonic()
            await socket.close(code, reason)
            assert time.monotonic() - started < 0.5
            assert frames == [(CLOSE, sent)]
            await socket.close()

    run(main())


def test_a_server_that_does_not_answer_a_close(run, peer):
    async def main():
        async def script(line):
            await accept(line)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            started = time.monotonic()
            await socket.close(patience=0.1)
            assert 0.05 < time.monotonic() - started < 0.6

    run(main())


def test_another_answer_is_handed_out(run, peer):
    async def main():
        async def script(line):
            await line.head()
            body = b'{"error": {}}'
            await line.send(b"HTTP/1.1 401 No\r\nx-a: b\r\ncontent-length: %d\r\n\r\n" % len(body), body, pause=0.01)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            reply = await transport.open_websocket(opening(server))
            assert isinstance(reply, UpstreamReply)
            assert (reply.status, reply.headers.get("x-a"), reply.body) == (401, "b", b'{"error": {}}')

    run(main())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"HTTP/1.1 503 No\r\nconnection: close\r\n\r\nbusy", 503),
        (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 302),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 429 No\r\ncontent-length: 100\r\n\r\nnever all of it", 429),
    ],
)
def test_all_kinds_of_other_answers(run, peer, sent, status):
    async def main():
        async def script(line):
            await line.head()
            await line.send(sent)

        async with peer(script) as server, HttptoolsTransport() as transport:
            timeouts = Timeouts(first_byte=0.5)
            try:
                reply = await transport.open_websocket(opening(server), timeouts)
            except (ProtocolError, ResponseTruncated):
                assert status == 429  # cut off
            else:
                assert reply.status == status

    run(main())


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 101 OK\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n",
        b"HTTP/1.1 101 OK\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: bm8=\r\n\r\n",
        b"HTTP/1.1 101 OK\r\nx: " + b"y" * 100_000,
    ],
)
def test_answers_that_are_no_handshake(run, peer, sent):
    async def main():
        async def script(line):
            await line.head()
            await line.send(sent)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            with pytest.raises(ProtocolError):
                await transport.open_websocket(opening(server), Timeouts(first_byte=2))

    run(main())


def test_a_server_that_agrees_to_what_was_not_offered(run, peer):
    async def main():
        async def script(line):
            await accept(line, b"sec-websocket-extensions: permessage-deflate")
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            with pytest.raises(ProtocolError):
                await transport.open_websocket(opening(server))

    run(main())


def test_no_answer(run, peer):
    async def main():
        async def silent(line):
            await line.closed_by_client()

        async def gone(line):
            await line.head()

        async with HttptoolsTransport() as transport:
            async with peer(silent) as server:
                with pytest.raises(FirstByteTimeout):
                    await transport.open_websocket(opening(server), Timeouts(first_byte=0.05))
            async with peer(gone) as server:
                with pytest.raises(ResponseTruncated):
                    await transport.open_websocket(opening(server))
            with pytest.raises(ConnectError):
                await transport.open_websocket(opening(server))

    run(main())


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", ResponseTruncated),
        (frame(TEXT, b"whole")[:3], ResponseTruncated),
        (b"\xff\xff\xff\xff", ProtocolError),
        (frame(0x83, b"x"), ProtocolError),
        (frame(0x80, b"x"), ProtocolError),
        (frame(TEXT, b"\xff\xfe"), ProtocolError),
        (frame(CLOSE, struct.pack("!H", 1006)), ProtocolError),
        (frame(0xC1, b"x"), ProtocolError),
        (frame(TEXT, b"x" * 1001), LimitExceeded),
        (frame(0x01, b"x" * 600) + frame(0x80, b"x" * 600), LimitExceeded),
    ],
)
def test_ends_that_are_none(run, peer, sent, error):
    async def main():
        async def script(line):
            await accept(line)
            await line.send(frame(TEXT, b"good"), sent)
            if error is not ResponseTruncated:
                await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server), limit=1000)
            assert await socket.receive() == "good"
            for _ in range(2):
                with pytest.raises(error) as caught:
                    await socket.receive()
                assert caught.value.sent
            await socket.close()

    run(main())


def test_a_frame_of_a_size_that_nobody_can_keep(run, peer):
    async def main():
        async def script(line):
            await accept(line)
            await line.send(bytes([BINARY, 127]) + struct.pack("!Q", 1 << 62) + b"x" * 2000)
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server), limit=1000)
            with pytest.raises(LimitExceeded):
                await socket.receive()
            socket.abort()

    run(main())


def test_a_server_that_takes_nothing_holds_the_sender_up(run, peer):
    async def main():
        async def script(line):
            await accept(line)
            line.writer.transport.pause_reading()
            await asyncio.sleep(10)

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server), Timeouts(write=0.2))
            sent = 0

            async def flood():
                nonlocal sent
                while True:
                    await socket.send(b"x" * 100_000)
                    sent += 1

            with pytest.raises(WriteTimeout):
                await flood()
            assert sent < 200
            await socket.close(patience=0.05)

    run(main())


def test_a_reader_that_waits_holds_the_server_up(run, peer):
    async def main():
        sent = 0

        async def script(line):
            nonlocal sent
            await accept(line)
            for _ in range(150):
                await line.send(frame(BINARY, b"x" * 100_000))
                sent += 1
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            await asyncio.sleep(0.2)
            assert sent < 100
            for _ in range(150):
                assert len(await socket.receive()) == 100_000
            await socket.close()

    run(main())


def test_a_silent_server_is_asked_and_then_given_up(run_uvloop, peer, monkeypatch):
    monkeypatch.setattr(websocket, "PING_EVERY", 1.02)  # a look at 1.02 s of silence and one at 2.04, less one second

    async def main():
        pings = []

        async def script(line):
            await accept(line)
            pings.append(await read_frame(line))
            await line.closed_by_client()

        async with peer(script) as server, HttptoolsTransport() as transport:
            socket = await transport.open_websocket(opening(server))
            with pytest.raises(ReadTimeout):
                await socket.receive()
            assert pings == [(PING, b"")]
            await socket.close()

    run_uvloop(main())


def test_over_tls(run, peer, server_tls, trusting):
    async def main():
        async def script(line):
            await accept(line)
            first, data = await read_frame(line)
            await line.send(frame(first, data))
            await line.closed_by_client()

        async with peer(script, tls=server_tls) as server:
            async with HttptoolsTransport(ssl_verify=trusting) as transport:
                socket = await transport.open_websocket(opening(server, scheme="wss"))
                await socket.send("secret")
                assert await socket.receive() == "secret"
                await socket.close(patience=0.1)
            async with HttptoolsTransport() as doubting:
                with pytest.raises(TLSError):
                    await doubting.open_websocket(opening(server, scheme="wss"))

    run(main())


@pytest.mark.parametrize(
    "headers",
    [[("x-a", "b\r\nx-c: d")], [("x a", "b")], [("host", "evil")], [("Sec-WebSocket-Key", "k")], [("connection", "x")]],
)
def test_what_cannot_be_written(run_asyncio, peer, headers):
    async def main():
        async with peer(lambda line: line.closed_by_client()) as server, HttptoolsTransport() as transport:
            with pytest.raises(InvalidRequest) as caught:
                await transport.open_websocket(opening(server, headers=headers))
            assert "x-c" not in str(caught.value)

    run_asyncio(main())


@pytest.mark.parametrize("url", ["ftp://x/", "wss://user:pw@x/", "ws://x y/", "ws:///x"])
def test_addresses_that_are_none(run_asyncio, url):
    async def main():
        async with HttptoolsTransport() as transport:
            with pytest.raises(InvalidRequest):
                await transport.open_websocket(UpstreamRequest("GET", url, []))

    run_asyncio(main())


def test_a_guarded_transport_stays_outside(run_asyncio):
    async def main():
        async with HttptoolsTransport(public_only=True) as transport:
            with pytest.raises(ForbiddenAddress):
                await transport.open_websocket(UpstreamRequest("GET", "ws://127.0.0.1:1/", []))

    run_asyncio(main())


def test_a_transport_that_is_closed_and_one_that_has_none(run_asyncio):
    async def main():
        request = UpstreamRequest("GET", "ws://127.0.0.1:1/", [])
        transport = HttptoolsTransport()
        await transport.aclose()
        with pytest.raises(ConnectError):
            await transport.open_websocket(request)
        async with HttpxTransport() as other:
            with pytest.raises(InvalidRequest):
                await other.open_websocket(request)

    run_asyncio(main())


def test_a_cancelled_opening_leaves_nothing(run, peer):
    async def main():
        closed = asyncio.Event()

        async def script(line):
            await line.head()
            await line.closed_by_client()
            closed.set()

        async with peer(script) as server, HttptoolsTransport() as transport:
            task = asyncio.ensure_future(transport.open_websocket(opening(server)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 1)

    run(main())
