"""From a host name to a connected socket.

Not left to `loop.create_connection`: its happy eyeballs leak sockets when cancelled (CPython up to 3.12), uvloop has
none, and without them one dead IPv6 address eats the whole time to connect. Here addresses are tried in turn, and as
long as another is left, an attempt gets only part of the time.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

_PATIENCE = 1.0  # seconds for one address while others are left

_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # seconds, seconds, probes

Address = tuple[socket.AddressFamily, Any]
"""(family, what `connect` takes)."""


class NotPublic(OSError):
    """A name has no address in the public internet."""


async def dial(loop: asyncio.AbstractEventLoop, host: str, port: int, *, public_only: bool = False) -> socket.socket:
    """A connected, non-blocking TCP socket. Raises OSError or UnicodeError; on a cancel nothing stays open.

    With `public_only`, addresses that are not public are not tried; if there is no other, NotPublic is raised.
    """
    addresses = interleaved(await _resolve(loop, host, port))
    if public_only:
        addresses = [each for each in addresses if is_public(each[1][0])]
        if not addresses:
            raise NotPublic("not a public address")
    error: OSError = OSError("name has no address")
    for number, address in enumerate(addresses, start=1):
        try:
            async with asyncio.timeout(_PATIENCE if number < len(addresses) else None):
                return await _connect(loop, address)
        except OSError as problem:  # a TimeoutError is one
            error = problem
    try:
        raise error
    finally:
        del error  # a traceback that holds its own frame would wait for the garbage collector


def interleaved(addresses: list[Address]) -> list[Address]:
    """The same addresses, families taking turns (RFC 8305 §4), so that a dead family costs one attempt."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    other = [each for each in addresses if each[0] != addresses[0][0]]
    mixed: list[Address] = []
    while first or other:
        mixed += first[:1] + other[:1]
        first, other = first[1:], other[1:]
    return mixed


async def _resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Address]:
    try:
        # An address in digits needs no name server, and no thread to ask one.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A model may think for minutes: keep NATs from forgetting us, and notice a host that has vanished.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            with suppress(AttributeError, OSError):  # not every system has or allows them
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        await loop.sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


_GLOBAL_UNICAST = ip_network("2000::/3")
"""The public internet of IPv6 (RFC 4291 §2.4). Most that leads to an IPv4 address lies outside: NAT64, `::/96`."""
_NOT_PUBLIC = tuple(map(ip_network, ("2002::/16", "2001::/32", "3fff::/20")))
"""6to4 and Teredo, which lead to IPv4 addresses too, and documentation (RFC 9637), which not every Python knows."""


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet; what is no address does not."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address not in _GLOBAL_UNICAST or any(address in network for network in _NOT_PUBLIC):
            return False
    return address.is_global and not address.is_multicast
