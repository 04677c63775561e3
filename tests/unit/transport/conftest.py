"""What the transport's tests share: a server that does exactly what its script says, and a strict loop to run on."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import pytest
import trustme
import uvloop

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import HttptoolsTransport, HttpxTransport

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run_strictly(main: Coroutine[Any, Any, Any], loop: str = "asyncio") -> Any:
    """Run `main`; afterwards no task may be left, no callback may have failed, and no descriptor may be open."""
    failures: list[dict[str, Any]] = []

    async def outer() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        async with Peer(lambda line: line.send(b"x")) as warm:  # uvloop opens some descriptors of its own at first use
            (await asyncio.open_connection("127.0.0.1", warm.port))[1].close()
        await asyncio.sleep(0.001)
        before = open_descriptors()
        result = await main
        left = []
        for _ in range(200):  # sockets close, cancelled tasks end in the next rounds of the loop
            await asyncio.sleep(0)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if not left and open_descriptors() <= before:
                break
            await asyncio.sleep(0.005)
        assert not left, f"tasks left: {left}"
        assert open_descriptors() <= before, "descriptors left open"
        return result

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.get_loop().slow_callback_duration = 10
        result = runner.run(outer())
    gc.collect(0)
    assert not failures, failures
    return result


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Seen(NamedTuple):
    """A request as the scripted server read it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class Line:
    """The server's end of one connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        """0 for the first connection of the server, 1 for the second, …"""

    async def head(self) -> tuple[str, str, list[tuple[str, str]]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = raw[:-4].split("\r\n")
        method, target, _ = first.split(" ")
        return method, target, [tuple(line.split(": ", 1)) for line in lines]  # type: ignore[misc]

    async def request(self) -> Seen:
        """Read one whole request. Raises IncompleteReadError when the client is gone."""
        method, target, headers = await self.head()
        fields = {name.lower(): value for name, value in headers}
        body = b""
        if "content-length" in fields:
            body = await self.reader.readexactly(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        return Seen(method, target, headers, body)

    async def send(self, *parts: bytes, pause: float = 0) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(pause)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def closed_by_client(self) -> bytes:
        """Wait until the client has closed; what it sent before."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


Script = Callable[[Line], Awaitable[None]]


class Peer:
    """`async with Peer(script) as peer`: a server on 127.0.0.1 that runs `script` for each connection, then closes."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.errors: list[BaseException] = []

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        self.origin = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *details: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if details[0] is None:
            assert not self.errors, self.errors

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, self.connections)
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._run(line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, line: Line) -> None:
        try:
            await self._script(line)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone, as clients do
        except Exception as error:
            if "handler is closed" not in str(error):  # uvloop's way to say that the client has gone
                self.errors.append(error)
        finally:
            line.writer.transport.close()

    def request(self, path: str = "/", body: Any = b"", method: str = "POST", headers: Any = ()) -> UpstreamRequest:
        return UpstreamRequest(method, self.origin + path, list(headers), body)


def answer(body: bytes = b"", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A response framed by content-length."""
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, lines, len(body), body)


@pytest.fixture(scope="session")
def peer() -> type[Peer]:
    return Peer


@pytest.fixture(scope="session")
def ok() -> Callable[..., bytes]:
    return answer


@pytest.fixture(params=list(LOOPS))
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine strictly, on each kind of loop."""
    return lambda main: run_strictly(main, request.param)


@pytest.fixture
def run_asyncio() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine strictly, on asyncio's own loop only."""
    return run_strictly


@pytest.fixture
def run_uvloop() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine strictly, on uvloop only."""
    return lambda main: run_strictly(main, "uvloop")


@pytest.fixture(params=[HttptoolsTransport, HttpxTransport], ids=["httptools", "httpx"])
def engine(request: pytest.FixtureRequest) -> Any:
    """Each engine's class: for what the contract promises of both."""
    return request.param


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client context that trusts `authority` alone."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
    return context


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server context for 127.0.0.1 and localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context
