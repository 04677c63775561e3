"""Which addresses belong to the public internet, and that no others are dialled for clients."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.http import UpstreamRequest
from tianji_core.transport import ConnectError, HttptoolsTransport
from tianji_core.transport import dial as module
from tianji_core.transport.dial import NotPublic, dial, is_public

V4, V6 = socket.AF_INET, socket.AF_INET6

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:53aa:64c:0:fffe:f5ff:fffe",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::1%eth0",
    "fe80::a9fe:a9fe%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "5f00::1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "169.253.0.1",
    "192.167.1.1",
    "223.255.255.254",
    "::ffff:8.8.8.8",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001:81b::200e",
]


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address):
    assert is_public(address)


@given(st.text(max_size=20))
def test_what_is_no_address_is_not_public(text):
    assert is_public(text) in (True, False)
    assert not is_public(f"{text}!")


@given(st.ip_addresses(v=4))
def test_mapped_addresses_are_what_they_stand_for(address):
    assert is_public(f"::ffff:{address}") == is_public(str(address))


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="100.64.0.0/10"))
def test_no_way_around(address):
    number = int(address)
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    for text in (f"::{high}:{low}", f"::ffff:{high}:{low}", f"64:ff9b::{high}:{low}", f"2002:{high}:{low}::1"):
        assert not is_public(text)


@pytest.fixture
def dialled(monkeypatch):
    """dialled(addresses): what is connected to when a name has these and only public ones are wanted."""

    def run(*addresses):
        tried = []

        async def resolve(loop, host, port):
            return [(V6 if ":" in a else V4, (a, port)) for a in addresses]

        async def connect(loop, address):
            tried.append(address[1][0])
            raise OSError("unreachable")

        monkeypatch.setattr(module, "_resolve", resolve)
        monkeypatch.setattr(module, "_connect", connect)

        async def main():
            await dial(asyncio.get_running_loop(), "name.example", 80, public_only=True)

        with pytest.raises(OSError) as raised:
            asyncio.run(main())
        return tried, isinstance(raised.value, NotPublic)

    return run


def test_names_with_mixed_addresses(dialled):
    assert dialled("127.0.0.1", "8.8.8.8", "::1", "2606:4700:4700::1111", "10.0.0.1") == (
        ["8.8.8.8", "2606:4700:4700::1111"],
        False,
    )
    assert dialled("10.0.0.1", "fd00::1", "169.254.169.254") == ([], True)
    assert dialled() == ([], True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "127.0.0.1.",
        "LOCALHOST",
    ],
)
def test_no_spelling_of_this_machine_is_reached(run, host):
    """Names and odd spellings of digits are judged by what they resolve to."""
    reached = []

    async def main():
        server = await asyncio.start_server(lambda r, w: reached.append(w), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with HttptoolsTransport(public_only=True) as transport:
            with pytest.raises(ConnectError):
                await transport.send(UpstreamRequest("GET", f"http://{host}:{port}/"))
        server.close()
        await server.wait_closed()

    run(main())
    assert not reached


def test_without_the_guard_this_machine_is_reached(run, peer, ok):
    async def script(line):
        await line.request()
        await line.send(ok(b"ok"))

    async def main():
        async with peer(script) as server, HttptoolsTransport() as transport:
            request = UpstreamRequest("GET", f"http://127.0.0.1:{server.port}/")
            async with await transport.send(request) as response:
                assert await response.read() == b"ok"

    run(main())


def test_a_name_that_changes_its_mind_gains_nothing(run, monkeypatch):
    """What is dialled is what was judged: a name is looked up once for each connection."""
    asked, reached = [], []

    async def resolve(loop, host, port):
        asked.append(host)
        return [(V4, ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", port))]

    async def connect(loop, address):
        reached.append(address[1][0])
        raise OSError("unreachable")

    monkeypatch.setattr(module, "_resolve", resolve)
    monkeypatch.setattr(module, "_connect", connect)

    async def main():
        async with HttptoolsTransport(public_only=True) as transport:
            for _ in range(2):
                with pytest.raises(ConnectError):
                    await transport.send(UpstreamRequest("GET", "http://rebind.example/"))

    run(main())
    assert reached == ["8.8.8.8"]
