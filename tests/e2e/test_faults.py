"""Faults that are about size, load and time, at a gateway in a process of its own.

R3 (all fail under load), R9 (garbage without end), and what it costs to go on to the next deployment; the table of all
faults is at the head of tests/contract/test_faults.py.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
import zlib
from functools import cache
from pathlib import Path

import pytest
from promptness import soonest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import chat_chunks
from tianji_core.testing.server import ServerProcess

MEBIBYTE = 1024 * 1024
CAP = 32
"""Mebibytes of a whole answer that this gateway reads; an event of a stream may have 16 everywhere."""
LINE = b"x" * MEBIBYTE
JSON = ("content-type", "application/json")


@cache
def bomb():
    """Of nothing 256 mebibytes, as one of gzip."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([*(packer.compress(bytes(8 * MEBIBYTE)) for _ in range(32)), packer.flush()])


def does_what_it_is_told(request):
    word = request.json()["messages"][-1]["content"]
    if word == "line":
        return Answer(200, (JSON,), pieces=(b'{"a": "', *[LINE] * 1024, b'"}'))
    if word == "bomb":
        return Answer(200, (JSON, ("content-encoding", "gzip")), bomb())
    if word == "line in a stream":
        begun = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chat_chunks({"content": "one"})[:2]]
        kind = (("content-type", "text/event-stream"),)
        return Answer(200, kind, pieces=(*begun, 0.05, b"data: ", *[LINE] * 1024))
    return Answer.chat()


class Gate:
    """The gateway under test, and its two vendors."""

    def __init__(self, server, vendor, failing):
        self.server, self.vendor, self.failing = server, vendor, failing
        self.line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def chat(self, model, text="hello", **members):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
        self.line.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = self.line.getresponse()
        return answer, answer.read()

    def memory(self, what):
        """`VmRSS`, or the most that it has been (`VmHWM`), in bytes."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(what))

    async def many(self, model, calls, at_once=25):
        """Calls of one model, so many of them at once; their statuses."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
        fields = f"host: gateway\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        request = b"POST /v1/chat/completions HTTP/1.1\r\n" + fields.encode() + body

        async def caller():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            statuses = []
            for _ in range(calls // at_once):
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                statuses.append(int(head[9:12]))
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
            writer.close()
            return statuses

        found = await asyncio.gather(*(caller() for _ in range(at_once)))
        return [status for statuses in found for status in statuses]


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with FakeUpstream(script=does_what_it_is_told) as vendor, FakeUpstream(Answer.error(500)) as failing:

        def row(name, upstream, **more):
            params = {"model": "openai_compatible/up", "api_base": upstream.base, "api_key": "sk-up", **more}
            return {"model_name": name, "litellm_params": params}

        config = {
            "model_list": [
                row("m", vendor, num_retries=0),
                row("failing", failing),
                row("pair", failing, order=1, cooldown_time=0),
                row("pair", vendor, order=2),
            ],
            "general_settings": {"max_response_size_mb": CAP},
        }
        quick = {"TIANJI_INITIAL_RETRY_DELAY": "0.005", "TIANJI_MAX_RETRY_DELAY": "0.01", "TIANJI_JITTER": "0.005"}
        server = ServerProcess(config, tmp_path_factory.mktemp("faults"), env={**quick, "TIANJI_MASTER_KEY": ""})
        try:
            gate = Gate(server.start(), vendor, failing)
            yield gate
            gate.line.close()
            assert "Traceback" not in server.log(), server.log()
        finally:
            server.stop()


def test_an_outage_is_not_met_with_a_multiple_of_the_load(gate):
    calls = 500

    def load():
        before = len(gate.failing.requests)
        statuses = asyncio.run(gate.many("failing", calls))
        assert statuses == [500] * calls
        return len(gate.failing.requests) - before

    assert calls < load() <= 1.2 * calls + 10
    held = gate.memory("VmRSS")
    assert load() <= 1.2 * calls + 10
    assert gate.memory("VmRSS") - held < 4 * MEBIBYTE


@pytest.mark.parametrize("what", ["line", "bomb", "line in a stream"])
def test_garbage_without_end_in_bounded_memory(gate, what):
    Path(f"/proc/{gate.server.process.pid}/clear_refs").write_text("5")  # VmHWM begins anew
    before = gate.memory("VmRSS")
    answer, body = gate.chat("m", what, stream=what == "line in a stream")
    if what == "line in a stream":
        assert answer.status == 200
        events = body.decode().strip().split("\n\n")
        assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "502"
        assert b"[DONE]" not in body
    else:
        assert answer.status == 502
    assert gate.memory("VmHWM") - before < 2 * CAP * MEBIBYTE + 8 * MEBIBYTE
    assert gate.chat("m")[0].status == 200


def test_going_on_to_the_next_deployment_takes_no_time(gate):
    def once(model):
        started = time.perf_counter()
        answer, _ = gate.chat(model)
        took = time.perf_counter() - started
        assert answer.status == 200
        assert answer.getheader("x-litellm-attempted-retries") == ("1" if model == "pair" else "0")
        return took

    def added():
        alone, after_a_failure = zip(*((once("m"), once("pair")) for _ in range(40)), strict=True)
        return min(after_a_failure) - min(alone)

    assert soonest(added, 0.0015) < 0.0015
