"""How the servers, as we set them up, treat the clients of WebSockets. The clients here speak by hand."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, nullcontext, suppress

import pytest
import uvicorn
from hypercorn.asyncio import serve

from tianji_core.server import hypercorn_quick
from tianji_core.server.uvicorn_quick import protocol, socket_protocol
from tianji_core.testing.server import free_port

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
HANDSHAKE = (
    b"GET /?a=b HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n"
)


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, first, payload=b""):
        assert len(payload) < 65536
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0x80 | 126, len(payload))
        self.writer.write(bytes([first]) + size + b"\0\0\0\0" + payload)

    async def frame(self):
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        return first, await self.reader.readexactly(size)

    async def gone(self):
        """Whether the server has closed the connection, or does so soon."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.frame()
        return True


@asynccontextmanager
async def running(kind, app):
    """A server in this loop; gives what connects to it."""
    port = free_port()
    if kind == "uvicorn":
        config = uvicorn.Config(
            app,
            port=port,
            http=protocol(),
            ws=socket_protocol(),
            ws_max_size=1000,
            ws_ping_interval=0.1,
            ws_ping_timeout=0.2,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
        )
        server = uvicorn.Server(config)
        server.capture_signals = lambda: nullcontext()  # the test's own process
        task = asyncio.create_task(server.serve())
    else:
        config = hypercorn_quick.quicken()()
        config.bind = [f"127.0.0.1:{port}"]
        config.websocket_max_message_size = 1000
        config.graceful_timeout = 1
        config.errorlog = None
        stop = asyncio.Event()
        task = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait, mode="asgi"))
    clients = []

    async def connect():
        for _ in range(200):
            try:
                client = Client(*await asyncio.open_connection("127.0.0.1", port))
                break
            except OSError:
                await asyncio.sleep(0.02)
        clients.append(client)
        client.writer.write(HANDSHAKE)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"extensions" not in head.lower()
        return client

    try:
        yield connect
    finally:
        for client in clients:
            client.writer.close()
        if kind == "uvicorn":
            server.should_exit = True
        else:
            stop.set()
        await asyncio.wait_for(task, 5)


@pytest.fixture(params=["uvicorn", "hypercorn"])
def run(request, monkeypatch):
    """Runs `main(connect, events)`; the application notes what it receives, until `work` says that it ends."""
    monkeypatch.setattr(hypercorn_quick, "PING_EVERY", 0.1)
    monkeypatch.setattr(hypercorn_quick, "PONG_WITHIN", 0.2)

    async def nothing():
        return False

    def start(main, work=nothing):
        async def outer():
            events = asyncio.Queue()

            async def app(scope, receive, send):
                if scope["type"] == "lifespan":
                    await receive()
                    await send({"type": "lifespan.startup.complete"})
                    await receive()
                    await send({"type": "lifespan.shutdown.complete"})
                    return
                assert (await receive())["type"] == "websocket.connect"
                await send({"type": "websocket.accept"})
                while not await work():
                    event = await receive()
                    events.put_nowait(event)
                    if event["type"] == "websocket.disconnect":
                        return

            async with running(request.param, app) as connect:
                await asyncio.wait_for(main(connect, events), 5)

        asyncio.run(outer())

    return start


def test_the_clients_code_is_told(run):
    async def main(connect, events):
        client = await connect()
        client.send(CLOSE, struct.pack("!H", 4001) + b"why")
        event = await events.get()
        assert (event["code"], event["reason"]) == (4001, "why")
        assert (await client.frame())[0] == CLOSE

    run(main)


def test_a_lost_connection_is_told(run):
    async def main(connect, events):
        client = await connect()
        client.writer.transport.abort()
        event = await events.get()
        assert event["type"] == "websocket.disconnect"
        assert event["code"] in (1005, 1006)

    run(main)


def test_a_message_that_is_too_large_is_told(run):
    async def main(connect, events):
        client = await connect()
        client.send(TEXT, b"x" * 1001)
        assert (await events.get())["code"] == 1009
        first, payload = await client.frame()
        assert (first, payload[:2]) == (CLOSE, struct.pack("!H", 1009))
        assert await client.gone()

    run(main)


def test_a_client_that_says_nothing_is_asked_and_given_up(run):
    async def main(connect, events):
        client = await connect()
        assert (await client.frame())[0] == PING
        assert (await events.get())["type"] == "websocket.disconnect"
        assert await client.gone()

    run(main)


def test_a_client_that_answers_stays(run):
    async def main(connect, events):
        client = await connect()
        for _ in range(5):
            first, payload = await client.frame()
            assert first == PING
            client.send(PONG, payload)
        client.send(TEXT, b"here")
        assert (await events.get())["text"] == "here"

    run(main)


def test_a_client_that_nobody_listens_to_stays(run):
    asleep = True

    async def work():
        nonlocal asleep
        if asleep:
            asleep = False
            await asyncio.sleep(0.6)
        return False

    async def main(connect, events):
        client = await connect()
        for number in range(30):
            client.send(TEXT, str(number).encode())
        await asyncio.sleep(0.4)  # a pong that cannot be read, behind what is not read
        assert [(await events.get())["text"] for _ in range(30)] == [str(number) for number in range(30)]

    run(main, work)


def test_a_client_that_floods_an_application_that_has_ended(run):
    async def work():
        await asyncio.sleep(0.1)
        return True  # it ends, with all of it unread

    async def main(connect, events):
        client = await connect()
        for _ in range(500):
            client.send(TEXT, b"x" * 100)
        assert await client.gone()

    run(main, work)
