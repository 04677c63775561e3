"""Names with several addresses."""

import asyncio
import socket

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import ConnectError, ConnectTimeout, HttptoolsTransport, Timeouts
from tianji_core.transport import dial as module
from tianji_core.transport.dial import interleaved

V4, V6 = socket.AF_INET, socket.AF_INET6


def test_families_take_turns():
    assert interleaved([(V6, 1), (V6, 2), (V4, 3), (V4, 4), (V4, 5)]) == [(V6, 1), (V4, 3), (V6, 2), (V4, 4), (V4, 5)]
    assert interleaved([(V4, 1), (V4, 2)]) == [(V4, 1), (V4, 2)]
    assert interleaved([]) == []


@pytest.fixture
def resolving(monkeypatch):
    """resolving(addresses): every name has these."""

    def make(*addresses):
        async def resolve(loop, host, port):
            return list(addresses)

        monkeypatch.setattr(module, "_resolve", resolve)

    return make


@pytest.fixture
def full():
    """The address of a listener whose queue is full: connecting to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    yield listener.getsockname()
    for each in (*fillers, listener):
        each.close()


def test_a_dead_address_is_passed_over(run, peer, ok, resolving, full, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)

    async def script(line):
        await line.request()
        await line.send(ok(b"ok"))

    async def main():
        async with peer(script) as server:
            for dead in (full, ("127.0.0.1", 1)):
                resolving((V4, dead), (V4, ("127.0.0.1", server.port)))
                async with HttptoolsTransport() as transport:
                    request = UpstreamRequest("POST", f"http://name.example:{server.port}/")
                    async with await transport.send(request) as response:
                        assert await response.read() == b"ok"

    run(main())


def test_all_addresses_are_dead(run, resolving, full, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.02)

    async def main():
        request = UpstreamRequest("POST", "http://name.example/")
        async with HttptoolsTransport() as transport:
            resolving((V4, full), (V4, ("127.0.0.1", 1)))
            with pytest.raises(ConnectError):
                await transport.send(request)
            resolving((V4, ("127.0.0.1", 1)), (V4, full))
            with pytest.raises(ConnectTimeout):
                await transport.send(request, Timeouts(connect=0.1))
            resolving()
            with pytest.raises(ConnectError):
                await transport.send(request)

    run(main())


def test_localhost_and_ipv6(run, ok):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    async def main():
        hosts = []

        async def connected(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            hosts.append(head.split(b"\r\n")[1])
            writer.write(ok(b"six"))
            writer.close()

        try:
            server = await asyncio.start_server(connected, "::1", 0)
        except OSError:
            pytest.skip("no IPv6 here")
        port = server.sockets[0].getsockname()[1]
        async with (
            HttptoolsTransport() as transport,
            await transport.send(UpstreamRequest("GET", f"http://[::1]:{port}/")) as response,
        ):
            assert await response.read() == b"six"
        assert hosts == [b"host: [::1]:%d" % port]
        server.close()
        await server.wait_closed()

    run(main())
