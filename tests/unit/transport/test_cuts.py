"""A server that cuts its answer at every byte: an error or the exact body, and never the connection again."""

import asyncio

import pytest

from tianji_core.transport import HttptoolsTransport, ResponseTruncated

BODY = b"hello"
SAMPLES = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: 1\r\ny: 2\r\n\r\n",
    "until eof": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
    "early": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("raw", SAMPLES.values(), ids=SAMPLES)
def test_a_cut_at_every_byte(run, peer, raw, reset):
    async def main():
        cuts = iter(range(len(raw)))

        async def script(line):
            await line.request()
            await line.send(raw[: next(cuts)])
            if reset:
                await asyncio.sleep(0.002)  # a reset overtakes data: let the client see the data first
                line.reset()

        async with peer(script) as server, HttptoolsTransport() as transport:
            for cut in range(len(raw)):
                try:
                    async with await transport.send(server.request()) as response:
                        body = await response.read() if cut % 2 else b"".join([piece async for piece in response])
                except ResponseTruncated:
                    pass
                else:
                    # Only the end of a close-delimited body cannot be told from a cut, and only when it is a FIN.
                    assert raw is SAMPLES["until eof"]
                    assert not reset
                    assert body == BODY[: cut - len(raw) + 5]
                    assert cut >= len(raw) - 5
                assert list(transport.usage().values()) == [(0, 0, 0)]
            assert server.connections == len(raw)

    run(main())
