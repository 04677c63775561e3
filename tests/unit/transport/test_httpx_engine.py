"""What only the httpx engine does: proxies. What both do is in the other files, with `engine`."""

import asyncio
import base64

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import ConnectError, HttpxTransport, Limits, PoolTimeout, Timeouts


def test_a_plain_request_goes_through_the_proxy(run, peer, ok):
    async def main():
        seen = []

        async def proxy(line):
            seen.append(await line.request())
            await line.send(ok(b"from the proxy"))

        async with peer(proxy) as server:
            url = f"http://user:pass@127.0.0.1:{server.port}"
            async with HttpxTransport(proxy=url) as transport:
                request = UpstreamRequest("POST", "http://vendor.example/v1?x=1", [("a", "b")], b"body")
                async with await transport.send(request) as response:
                    assert await response.read() == b"from the proxy"
        (asked,) = seen
        assert asked.target == "http://vendor.example/v1?x=1"
        assert asked.get("host") == "vendor.example"
        assert asked.get("proxy-authorization") == "Basic " + base64.b64encode(b"user:pass").decode()

    run(main())


def test_a_tls_request_goes_through_a_tunnel(run, peer, ok, server_tls, trusting):
    async def vendor(line):
        await line.request()
        await line.send(ok(b"from the vendor"))

    async def main():
        tunnels = []

        async with peer(vendor, tls=server_tls) as behind:

            async def proxy(line):
                method, target, _ = await line.head()
                tunnels.append((method, target))
                reader, writer = await asyncio.open_connection("127.0.0.1", behind.port)
                await line.send(b"HTTP/1.1 200 Connected\r\n\r\n")

                async def pump(source, sink):
                    while data := await source.read(65536):
                        sink.write(data)

                there = asyncio.ensure_future(pump(line.reader, writer))
                try:
                    await pump(reader, line.writer)
                finally:
                    there.cancel()
                    writer.transport.abort()

            async with (
                peer(proxy) as server,
                HttpxTransport(proxy=f"http://127.0.0.1:{server.port}", ssl_verify=trusting) as transport,
            ):
                request = UpstreamRequest("POST", f"https://localhost:{behind.port}/", [], b"x")
                async with await transport.send(request) as response:
                    assert await response.read() == b"from the vendor"
            assert tunnels == [("CONNECT", f"localhost:{behind.port}")]

    run(main())


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"502 Bad Gateway"])
def test_a_proxy_that_refuses(run, peer, status):
    async def proxy(line):
        await line.head()
        await line.send(b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status)

    async def main():
        async with peer(proxy) as server, HttpxTransport(proxy=f"http://127.0.0.1:{server.port}") as transport:
            with pytest.raises(ConnectError) as caught:
                await transport.send(UpstreamRequest("POST", "https://vendor.example/?key=secret"))
            assert caught.value.sent is False
            assert "secret" not in str(caught.value)

    run(main())


def test_the_pool_has_its_limit(run, peer, ok):
    async def script(line):
        await line.request()
        await asyncio.sleep(0.2)
        await line.send(ok())

    async def main():
        async with peer(script) as server, HttpxTransport(limits=Limits(max_connections=1)) as transport:
            first = asyncio.ensure_future(transport.send(server.request()))
            await asyncio.sleep(0.05)
            with pytest.raises(PoolTimeout) as caught:
                await transport.send(server.request(), Timeouts(pool=0.05))
            assert caught.value.sent is False
            async with await first as response:
                await response.read()

    run(main())


def test_a_cancel_closes_the_connection(run, peer):
    async def main():
        gone = asyncio.Event()

        async def script(line):
            await line.request()
            await line.closed_by_client()
            gone.set()

        async with peer(script) as server, HttpxTransport() as transport:
            call = asyncio.ensure_future(transport.send(server.request()))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(gone.wait(), 1)

    run(main())
