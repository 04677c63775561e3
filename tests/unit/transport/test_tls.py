"""Certificates, names, and what happens when the other side speaks no TLS."""

import asyncio
import datetime
import os
import socket
import ssl

import pytest

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import (
    ConnectError,
    HttptoolsTransport,
    HttpxTransport,
    ProtocolError,
    ResponseTruncated,
    TLSError,
    TransportError,
)

EXPIRED = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def secure(peer, ok, server_tls):
    async def script(line):
        while True:
            seen = await line.request()
            await line.send(ok(seen.body))

    return lambda context=server_tls: peer(script, tls=context)


def serving(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_exchanges_over_tls(run, engine, secure, trusting, size, host):
    async def main():
        async with secure() as server, engine(ssl_verify=trusting) as transport:
            body = bytes(range(256)) * (size // 256) + b"end"
            for _ in range(3):
                request = UpstreamRequest("POST", f"https://{host}:{server.port}/", [], body)
                async with await transport.send(request) as response:
                    assert await response.read() == body
                async with await transport.send(request) as response:
                    assert b"".join([piece async for piece in response]) == body
            assert server.connections == 1

    run(main())


def refused(run, server, transport, host="127.0.0.1"):
    async def main():
        async with server as running, transport:
            for _ in range(2):
                with pytest.raises(TLSError) as caught:
                    await transport.send(UpstreamRequest("POST", f"https://{host}:{running.port}/?key=secret"))
                assert isinstance(caught.value, ConnectError)
                assert caught.value.sent is False
                assert "secret" not in str(caught.value)

    run(main())


def test_an_authority_nobody_knows(run, engine, secure):
    refused(run, secure(), engine())


def test_an_expired_certificate(run, engine, secure, authority, trusting):
    expired = serving(authority.issue_cert("127.0.0.1", not_after=EXPIRED))
    refused(run, secure(expired), engine(ssl_verify=trusting))


def test_a_certificate_for_another_name(run, engine, secure, authority, trusting):
    other = serving(authority.issue_cert("example.com"))
    refused(run, secure(other), engine(ssl_verify=trusting))


def test_a_certificate_for_the_name_but_not_the_address(run, engine, secure, authority, trusting):
    named = serving(authority.issue_cert("localhost"))
    refused(run, secure(named), engine(ssl_verify=trusting))


def test_a_server_that_speaks_plain_text(run, engine, peer, trusting):
    async def script(line):
        await line.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await line.closed_by_client()

    refused(run, peer(script), engine(ssl_verify=trusting))


def test_a_server_that_closes_in_the_handshake(run, peer, trusting):
    async def script(line):
        await line.reader.read(10)
        line.reset()

    async def main():
        async with peer(script) as server, HttptoolsTransport(ssl_verify=trusting) as transport:
            with pytest.raises(ConnectError) as caught:
                await transport.send(UpstreamRequest("POST", f"https://127.0.0.1:{server.port}/"))
            assert caught.value.sent is False
            assert list(transport.usage().values()) == [(0, 0, 0)]

    run(main())


def test_plain_text_to_a_tls_server(run, secure):
    async def main():
        async with secure() as server, HttptoolsTransport() as transport:
            with pytest.raises((ProtocolError, ResponseTruncated)):
                await transport.send(UpstreamRequest("POST", f"http://127.0.0.1:{server.port}/"))

    run(main())


@pytest.mark.parametrize("kind", ["file", "directory", "nothing", "context"])
def test_whom_to_trust(run_asyncio, engine, secure, authority, trusting, tmp_path, kind):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    verify = {"file": str(tmp_path / "ca.pem"), "directory": str(tmp_path), "nothing": False, "context": trusting}[kind]

    async def main():
        async with (
            secure() as server,
            engine(ssl_verify=verify) as transport,
            await transport.send(server.request(body=b"x")) as response,
        ):
            assert await response.read() == b"x"

    if kind == "directory":  # needs the names that c_rehash gives; without them nobody is trusted
        with pytest.raises(TLSError):
            run_asyncio(main())
    else:
        run_asyncio(main())


@pytest.mark.parametrize("parts", [1, 2])
def test_a_client_certificate(run, engine, secure, authority, trusting, server_tls, tmp_path, parts):
    mine = authority.issue_cert("client@example.com")
    whole, certificate, key = (tmp_path / name for name in ("all.pem", "cert.pem", "key.pem"))
    mine.private_key_and_cert_chain_pem.write_to_path(whole)
    mine.cert_chain_pems[0].write_to_path(certificate)
    mine.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    strict = serving(authority.issue_cert("127.0.0.1"))
    strict.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(strict)

    async def main():
        ours = str(whole) if parts == 1 else (str(certificate), str(key))
        trust = str(tmp_path / "ca.pem")
        async with secure(strict) as server:
            async with (
                engine(ssl_verify=trust, ssl_certificate=ours) as transport,
                await transport.send(server.request(body=b"x")) as response,
            ):
                assert await response.read() == b"x"
            async with engine(ssl_verify=trust) as transport:
                with pytest.raises(TransportError):
                    await transport.send(server.request(body=b"x"))

    run(main())


def test_files_that_are_not_there_are_told_at_once(engine):
    for options in ({"ssl_verify": "/no/such/file"}, {"ssl_certificate": "/no/such/file"}):
        with pytest.raises(OSError):
            engine(**options)


def test_the_context_is_built_once_and_only_when_needed(run_asyncio, secure, peer, ok, monkeypatch, trusting):
    from tianji_core.transport import httptools_engine

    built = []
    monkeypatch.setattr(httptools_engine, "build_context", lambda *_: built.append(1) or trusting)

    async def plain(line):
        await line.request()
        await line.send(ok())

    async def main():
        async with secure() as server, peer(plain) as other, HttptoolsTransport() as transport:
            async with await transport.send(other.request()) as response:
                await response.read()
            assert built == []
            await asyncio.gather(*(transport.send(server.request()) for _ in range(5)))
            assert built == [1]

    run_asyncio(main())


def test_an_end_without_farewell(run, peer, server_tls, trusting):
    """No close_notify: an end for a body that is delimited by it, a cut for every other."""

    async def main():
        framings = iter([b"connection: close", b"content-length: 10", b"transfer-encoding: chunked"])

        async def script(line):
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n5\r\nhello\r\n" % next(framings))
            with socket.socket(fileno=os.dup(line.writer.get_extra_info("socket").fileno())) as below_tls:
                below_tls.shutdown(socket.SHUT_WR)
            await line.closed_by_client()

        async with peer(script, tls=server_tls) as server, HttptoolsTransport(ssl_verify=trusting) as transport:
            async with await transport.send(server.request()) as response:
                assert await response.read() == b"5\r\nhello\r\n"
            async with await transport.send(server.request()) as response:
                assert await response.read() == b"5\r\nhello\r\n"
            async with await transport.send(server.request()) as response:
                with pytest.raises(ResponseTruncated):
                    await response.read()

    run(main())


def test_a_reset_is_a_cut_even_for_a_body_delimited_by_the_end(run, peer, server_tls, trusting):
    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n\r\nhello", pause=0.01)
        line.reset()

    async def main():
        async with peer(script, tls=server_tls) as server, HttptoolsTransport(ssl_verify=trusting) as transport:
            for _ in range(3):
                async with await transport.send(server.request()) as response:
                    with pytest.raises(ResponseTruncated):
                        await response.read()

    run(main())


def test_http2_is_spoken_where_it_is_offered(run_asyncio, authority, trusting):
    """Only that the option reaches httpx: ALPN offers h2 then, and not otherwise."""
    offered = []

    async def main():
        context = serving(authority.issue_cert("127.0.0.1"))
        context.set_alpn_protocols(["h2", "http/1.1"])

        def connected(reader, writer):
            offered.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for http2 in (True, False):
            async with HttpxTransport(ssl_verify=trusting, http2=http2) as transport:
                with pytest.raises(TransportError):
                    await transport.send(UpstreamRequest("POST", url))
        server.close()
        await server.wait_closed()

    run_asyncio(main())
    assert offered == ["h2", "http/1.1"]
