"""A request of two megabytes (some 440,000 tokens) is nobody's business but its own: neighbours do not wait for it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time

import pytest

STALL = 0.02
"""Seconds that a neighbour may take at most; alone it takes one or two thousandths."""
TRIES = 12
"""A stall of the gateway's own is there each time; one that is the machine's is not."""
WORDS = "The quick brown fox jumps over the lazy dog and then it thinks about it. "
BODIES = {
    "one message": [{"role": "user", "content": WORDS * 27_000}],
    "a long conversation": [
        {"role": "assistant" if turn % 2 else "user", "content": f"{turn} {WORDS}"} for turn in range(20_000)
    ],
    "tokens to count": [{"role": "user", "content": "uncounted " + WORDS * 27_000}],
    "escapes": [{"role": "user", "content": WORDS * 27_000 + "ESCAPED"}],
}
NEIGHBOUR = """
import http.client, json, sys, time
port, key = sys.argv[1:]
body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hi"}]})
fields = {"authorization": f"Bearer {key}", "content-type": "application/json"}
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
seen = []
print("ready", flush=True)
while True:
    begun = time.monotonic()
    connection.request("POST", "/v1/chat/completions", body, fields)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    print(begun, time.monotonic() - begun, flush=True)
    time.sleep(0.001)
"""


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("kind", BODIES)
def test_neighbours_do_not_wait(one_gateway, path, kind):
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": BODIES[kind]}).replace("ESCAPED", "\\u003a").encode()
    assert len(body) > 1_900_000
    command = [sys.executable, "-c", NEIGHBOUR, str(one_gateway.server.port), one_gateway.key]
    worst = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as neighbour:
        try:
            assert neighbour.stdout is not None
            assert neighbour.stdout.readline() == "ready\n"
            while len(worst) < TRIES and not any(seconds < STALL for seconds in worst[1:]):  # the first one warms up
                worst.append(slowest(neighbour, *send(one_gateway, path, body)))
        finally:
            neighbour.kill()
    assert min(worst) < STALL, f"in {len(worst)} tries the neighbour took at least {min(worst) * 1000:.0f} ms"


def send(gateway, path, body):
    """When the large request began and ended."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server.port, timeout=30)
    fields = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    begun = time.monotonic()
    connection.request("POST", path, body, fields)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, data
    return begun, time.monotonic()


def slowest(neighbour, begun, ended):
    """The longest that the neighbour took for a request meanwhile."""
    found = []
    while True:
        at, seconds = map(float, neighbour.stdout.readline().split())
        if at > ended:
            assert found
            return max(found)
        if at + seconds > begun:
            found.append(seconds)
