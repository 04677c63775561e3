"""A client that reads slower than its vendor sends: the vendor waits, and the client gets every byte in the end."""

from __future__ import annotations

import re
import time

from promptness import soonest

MEGABYTES = 80


def test_who_reads_nothing_holds_the_vendor_back(gateway):
    def once():
        disconnects, before = len(gateway.upstream.disconnects), gateway.rss()
        with gateway.open(f"flood {MEGABYTES}", stream=True) as sock:
            assert sock.recv(12) == b"HTTP/1.1 200"
            time.sleep(1)
            assert gateway.rss() - before < 20_000_000
            left = time.monotonic()
        seen = gateway.upstream.disconnect_seen(disconnects + 1)
        assert seen.sent < MEGABYTES * 1_000_000 / 2  # what the kernel's buffers hold
        return seen.at - left

    assert soonest(once, 0.25) < 0.25


def test_who_reads_late_gets_every_byte(gateway):
    with gateway.open(f"flood {MEGABYTES}", stream=True) as sock:
        data = bytearray(sock.recv(12))
        time.sleep(0.5)
        while not data.endswith(b"0\r\n\r\n"):
            received = sock.recv(1 << 20)
            assert received
            data += received
    events = re.findall(rb'"content": "(\d+) x', data)
    assert [int(number) for number in events] == list(range(MEGABYTES * 20))
    assert data.count(b"x" * 50_000) == MEGABYTES * 20
    assert data.count(b"data: [DONE]\n\n") == 1
