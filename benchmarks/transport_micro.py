"""CPU time of one upstream request in this process, for each HTTP engine.

    python benchmarks/transport_micro.py [--requests 20000] [--concurrency 32] [--chunks 60] [--loop uvloop|asyncio]

A tiny server in another process answers every request from a prepared byte string, so what is measured is the client:
`time.process_time()` over the run divided by requests. Engines that are not importable are left out. "floor" is the
least that any client on an event loop does: one write, one future, one data_received, no parsing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import HttptoolsTransport, HttpxTransport

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"hello " * 40 + b'"}]}'
HEADERS = [
    ("authorization", "Bearer sk-0123456789abcdef0123456789abcdef"),
    ("content-type", "application/json"),
    ("user-agent", "tianji/0.1"),
]
ANSWER_HEAD = b"".join(
    b"%s: %s\r\n" % field
    for field in [
        (b"date", b"Mon, 23 Nov 2026 05:00:00 GMT"),
        (b"content-type", b"application/json"),
        (b"openai-organization", b"user-abc"),
        (b"openai-processing-ms", b"123"),
        (b"openai-version", b"2020-10-01"),
        (b"x-ratelimit-limit-requests", b"10000"),
        (b"x-ratelimit-limit-tokens", b"2000000"),
        (b"x-ratelimit-remaining-requests", b"9999"),
        (b"x-ratelimit-remaining-tokens", b"1999990"),
        (b"x-request-id", b"req_0123456789abcdef0123456789abcdef"),
        (b"server", b"bench"),
    ]
)
ANSWER_BODY = b'{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"' + b"hi " * 80 + b'"}}]}'
PLAIN = b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (ANSWER_HEAD, len(ANSWER_BODY), ANSWER_BODY)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\n%stransfer-encoding: chunked\r\n\r\n" % ANSWER_HEAD
EVENT = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)

Once = Callable[[str], Awaitable[None]]


class Server(asyncio.Protocol):
    """Answers each request (recognised by its known size) without parsing it."""

    chunks = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if not self.seen.endswith(BODY):
            return
        stream = self.seen.startswith(b"POST /stream")
        self.seen = b""
        if stream:
            self.transport.write(STREAM_HEAD)  # type: ignore[attr-defined]
            self.send_chunk(self.chunks)
        else:
            self.transport.write(PLAIN)  # type: ignore[attr-defined]

    def send_chunk(self, left: int) -> None:
        if left == 0:
            self.transport.write(b"0\r\n\r\n")  # type: ignore[attr-defined]
            return
        self.transport.write(CHUNK)  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(0.001, self.send_chunk, left - 1)


def serve(pipe: Pipe, chunks: int) -> None:
    async def main() -> None:
        Server.chunks = chunks
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    run(main(), "uvloop")


def run(main: Awaitable[None], loop: str) -> None:
    factory = None
    if loop == "uvloop":
        try:
            import uvloop

            factory = uvloop.new_event_loop
        except ImportError:
            pass
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)  # type: ignore[arg-type]


class Floor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.done: asyncio.Future[bytes] | None = None
        self.size = 0

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        if self.done is not None and (self.size == len(PLAIN) or data.endswith(b"0\r\n\r\n")):
            self.size = 0
            self.done.set_result(data)


async def floor(port: int, stack: list[Callable[[], Awaitable[object]]]) -> Once:
    loop = asyncio.get_running_loop()
    idle: list[Floor] = []

    async def once(url: str) -> None:
        protocol = idle.pop() if idle else (await loop.create_connection(Floor, "127.0.0.1", port))[1]
        path = url[url.index("/", 8) :]
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\n" + "".join(f"{k}: {v}\r\n" for k, v in HEADERS)
        protocol.done = loop.create_future()
        protocol.transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)  # type: ignore[attr-defined]
        await protocol.done
        idle.append(protocol)

    return once


def ours(engine: type[HttptoolsTransport] | type[HttpxTransport]) -> Callable[..., Awaitable[Once]]:
    async def make(port: int, stack: list[Callable[[], Awaitable[object]]]) -> Once:
        transport = engine()
        stack.append(transport.aclose)

        async def once(url: str) -> None:
            async with await transport.send(UpstreamRequest("POST", url, HEADERS, BODY)) as response:
                if url.endswith("stream"):
                    async for _ in response:
                        pass
                else:
                    await response.read()

        return once

    return make


async def aiohttp_client(port: int, stack: list[Callable[[], Awaitable[object]]]) -> Once:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    stack.append(session.close)

    async def once(url: str) -> None:
        async with session.post(url, data=BODY, headers=dict(HEADERS)) as response:
            if url.endswith("stream"):
                async for _ in response.content.iter_any():
                    pass
            else:
                await response.read()

    return once


async def measure(once: Once, url: str, requests: int, concurrency: int) -> tuple[float, float]:
    """(µs of CPU per request, requests per second)."""
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await once(url)

    await asyncio.gather(*(once(url) for _ in range(concurrency)))  # connections open, caches warm
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / requests * 1e6, requests / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--chunks", type=int, default=60)
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--only", help="one engine")
    options = parser.parse_args()
    engines = {
        "floor": (floor, 1),
        "httptools": (ours(HttptoolsTransport), 1),
        "httpx": (ours(HttpxTransport), 10),  # so much slower that fewer do
        "aiohttp": (aiohttp_client, 2),
    }
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, options.chunks), daemon=True)
    server.start()
    port = here.recv()
    socket.create_connection(("127.0.0.1", port)).close()
    print(f"{'engine':10} {'plain µs CPU':>14} {'req/s':>8} {f'{options.chunks}-chunk stream µs CPU':>26}")
    for name, (make, divisor) in engines.items():
        if options.only not in (None, name):
            continue

        async def one(make: Callable[..., Awaitable[Once]] = make, divisor: int = divisor, name: str = name) -> None:
            stack: list[Callable[[], Awaitable[object]]] = []
            once = await make(port, stack)
            base = f"http://127.0.0.1:{port}"
            plain, rate = await measure(once, f"{base}/plain", options.requests // divisor, options.concurrency)
            stream, _ = await measure(once, f"{base}/stream", options.streams // divisor, options.concurrency)
            print(f"{name:10} {plain:14.1f} {rate:8.0f} {stream:26.1f}")
            for close in stack:
                await close()

        try:
            run(one(), options.loop)
        except ImportError:
            print(f"{name:10} not installed")
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
