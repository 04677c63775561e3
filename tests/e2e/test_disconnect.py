"""A client that goes away takes its upstream call with it, within a quarter of a second."""

from __future__ import annotations

import time

import pytest
from promptness import soonest

PROMPTLY = 0.25


def disconnected(gateway, count, left):
    seen = gateway.upstream.disconnect_seen(count)
    return seen.at - left


@pytest.mark.parametrize("wait", [0.0, 0.3])
@pytest.mark.parametrize(("text", "stream"), [("never", False), ("never", True), ("silent", True)])
def test_before_the_answer(gateway, text, stream, wait):
    def once():
        requests, disconnects = len(gateway.upstream.requests), len(gateway.upstream.disconnects)
        sock = gateway.open(text, stream=stream)
        gateway.upstream.request_seen(requests + 1)
        time.sleep(wait)
        left = time.monotonic()
        sock.close()
        return disconnected(gateway, disconnects + 1, left)

    assert soonest(once, PROMPTLY) < PROMPTLY


@pytest.mark.parametrize("abrupt", [False, True])
def test_in_the_middle_of_a_stream(gateway, abrupt):
    import socket
    import struct

    def once():
        disconnects = len(gateway.upstream.disconnects)
        sock = gateway.open("begin", stream=True)
        while b"one" not in sock.recv(65536):
            pass
        time.sleep(0.15)
        if abrupt:  # RST in place of FIN
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
        sock.close()
        return disconnected(gateway, disconnects + 1, left)

    assert soonest(once, PROMPTLY) < PROMPTLY


def test_many_at_once(gateway):
    def once():
        requests, disconnects = len(gateway.upstream.requests), len(gateway.upstream.disconnects)
        socks = [gateway.open("never" if i % 2 else "begin", stream=i % 2 == 0) for i in range(60)]
        gateway.upstream.request_seen(requests + 60)
        time.sleep(0.2)
        left = time.monotonic()
        for sock in socks:
            sock.close()
        return disconnected(gateway, disconnects + 60, left)

    assert soonest(once, 1) < 1
    with gateway.open("hello") as sock:
        assert sock.recv(12) == b"HTTP/1.1 200"
