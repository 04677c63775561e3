"""What vendors do wrong, and what has to come of it: real sockets, one gateway for each case.

fault                          proved here, and in                                                     what comes of it
R1  429 with Retry-After       test_retries.py, unit/routing/test_choice.py                            not asked before it; fallback at once
R2  500, 502, 503, 504, 529    test_retries.py (numbers, pauses), unit/routing/test_choice.py (chance) two retries in one total time, fallback
R3  all fail under load        e2e/test_faults.py                                                      at most 1.2 times the load, flat memory
R4  five failures in a row     unit/routing/test_cooldown.py, test_replicas.py                         rests, one probe, never the last one
R5  nobody to connect to       unit/transport/test_timeouts.py, test_dial.py, test_tls.py              time-out of its own, fallback
R6  no first byte              test_streams.py, test_retries.py, unit/transport/test_timeouts.py       time-out of its own, fallback before it
R7  reset in a stream          test_streams.py, unit/transport/test_cuts.py                            error event, partial cost, no second run
R8  silence in a stream        test_streams.py, unit/transport/test_timeouts.py                        the same, and the slot is free
R9  garbage                    e2e/test_faults.py (size), test_streams.py, test_errors.py,             502; usage put right and marked
                               unit/transport/test_reader.py, test_decompress.py, test_backpressure.py
"""  # noqa: E501 - a table

from __future__ import annotations

import asyncio
import datetime
import gzip
import json
import socket
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
import trustme
from promptness import soonest
from sinks import SINK

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import RESPONSES, chat_chunks
from tianji_core.transport import DEFAULT_TIMEOUTS

FAIL = Answer.error(500)
SECRET = "sk-canary-5f2a9c77d1e0"
PRICED = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}


class Gate:
    """A gateway under way: its client, its vendors by group, the records of its calls."""

    def __init__(self, client, vendors, records):
        self.client, self.vendors, self.records = client, vendors, records
        self.chat = client.chat

    def asked(self, name="a"):
        """How many requests a vendor has had."""
        return len(self.vendors[name].requests)


@pytest.fixture
def gate(serving, row, config_beside):
    """Runs `work(gate)` with a vendor for each of `answers`: a group of that name, or a row of the group "m" each.

    `rows` are further parameters of rows by name. Returns what `work` does, and the records.
    """

    def run(work, answers, *, router=None, rows=None, general=None, litellm=None, together=False):
        with ExitStack() as stack:
            vendors = {}
            for name, answer in answers.items():
                vendors[name] = answer if isinstance(answer, str) else stack.enter_context(FakeUpstream(*_many(answer)))
            config = {
                "model_list": [
                    row(
                        vendor,
                        "m" if together else name,
                        info={"id": f"row-{name}"},
                        **{"api_key": SECRET, **(rows or {}).get(name, {})},
                    )
                    for name, vendor in vendors.items()
                ],
                "router_settings": {"num_retries": 0, **(router or {})},
                "litellm_settings": {"callbacks": ["sinks.sink"], **(litellm or {})},
                "general_settings": general or {},
            }

            async def main():
                async with serving(config_beside(config, sinks=SINK)) as client:
                    [subscription] = client.app.serving.gateway.pipeline.callbacks.subscriptions
                    subscription.callback.records.clear()
                    found = await work(Gate(client, vendors, subscription.callback.records))
                return found, subscription.callback.records

            return asyncio.run(main())

    return run


def _many(answer):
    return answer if isinstance(answer, list) else [answer]


def ask(**body):
    async def work(gate):
        return await gate.chat("a", **body), {name: gate.asked(name) for name in gate.vendors if name in "ab"}

    return work


TO_B = {"fallbacks": [{"a": ["b"]}]}


# -- R1: a vendor that wants to be left alone ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_fallback_is_asked_at_once(gate, status):
    async def work(gate):
        started = time.monotonic()
        first = await gate.chat("a")
        second = await gate.chat("a")
        return time.monotonic() - started, first, second, gate.asked(), gate.asked("b")

    answers = {"a": Answer.error(status, retry_after="2"), "b": Answer.chat("from b")}
    (took, first, second, asked, fell), _ = gate(work, answers, router={**TO_B, "num_retries": 2})
    assert (first.status, second.status, fell) == (200, 200, 2)
    assert first.headers["x-litellm-attempted-fallbacks"] == "1"
    assert first.headers["x-litellm-attempted-retries"] == "0"
    assert first.headers["x-litellm-model-id"] == "row-b"
    assert took < 1
    if status == 429:
        assert asked == 1, "the next call does not ask it either"


def test_not_before_its_time_although_another_row_failed_in_between(gate):
    """No rest keeps the first row from being asked: the call itself has to know."""

    async def work(gate):
        answer = await gate.chat()
        return answer, gate.asked("first"), gate.asked("second")

    (answer, first, second), _ = gate(
        work,
        {"first": Answer.error(429, retry_after="30"), "second": [FAIL, FAIL, Answer.chat()]},
        router={"num_retries": 3, "allowed_fails": 100},
        rows={"first": {"order": 1}, "second": {"order": 2}},
        together=True,
    )
    assert (answer.status, first, second) == (200, 1, 3)


def test_the_one_that_may_be_asked_first_is_waited_for(gate):
    async def work(gate):
        answer = await gate.chat()
        return answer, gate.vendors

    (answer, vendors), _ = gate(
        work,
        {"first": Answer.error(429, retry_after="30"), "second": [Answer.error(429, retry_after="0.2"), Answer.chat()]},
        router={"num_retries": 2, "allowed_fails": 100},
        rows={"first": {"order": 1}, "second": {"order": 2}},
        together=True,
    )
    assert answer.status == 200
    assert len(vendors["first"].requests) == 1
    refused, answered = (r.at for r in vendors["second"].requests)
    assert answered - refused >= 0.2


# -- R2: a vendor that fails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_two_retries_and_then_the_fallback(gate, status, stream):
    b = Answer.chat_stream("from b") if stream else Answer.chat("from b")
    answers = {"a": Answer.error(status), "b": b}
    (answer, asked), [record] = gate(ask(stream=stream), answers, router={**TO_B, "num_retries": 2})
    assert answer.status == 200
    assert asked == {"a": 3, "b": 1}
    assert answer.headers["x-litellm-attempted-retries"] == "2"
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"
    assert answer.headers["x-litellm-model-id"] == "row-b"
    assert [attempt.status for attempt in record.attempts] == [status] * 3 + [200]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_an_error_says_what_was_tried_and_no_secret(gate, status):
    echo = Answer.error(status, f"Key {SECRET} is out of order.")
    (answer, asked), _ = gate(ask(), {"a": echo, "b": echo}, router={**TO_B, "num_retries": 2})
    assert answer.status == status
    assert asked == {"a": 3, "b": 3}
    assert answer.headers["x-litellm-model-id"] == "row-a", "the row whose error it is"
    assert answer.headers["x-litellm-attempted-retries"] == "4"
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"
    assert SECRET not in answer.body.decode() + str(answer.headers)
    assert "127.0.0.1" not in answer.body.decode() + str(answer.headers)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["router", "client"])
@pytest.mark.parametrize("vendor", ["silent", "failing"])
def test_one_time_for_all_tries(gate, where, vendor, stream):
    router = {**TO_B, "num_retries": 9, **({"total_timeout": 0.25} if where == "router" else {})}
    body = {"timeout": 0.25} if where == "client" else {}
    answer = Answer.never() if vendor == "silent" else FAIL.but(delay=0.1)

    def once():
        started = time.monotonic()
        (found, _), _ = gate(ask(stream=stream, **body), {"a": answer, "b": answer}, router=router)
        assert found.status in ({408} if vendor == "silent" else {408, 500})
        return time.monotonic() - started

    assert soonest(once, 0.7) < 0.7


# -- R4: a vendor that goes on failing -------------------------------------------------------------------------------


def test_five_in_a_row_open_it_and_one_probe_goes_out(gate):
    async def work(gate):
        sick = gate.vendors["sick"]
        for _ in range(8):
            assert (await gate.chat()).status == 200
        assert gate.asked("sick") == 5
        await asyncio.sleep(0.3)
        sick.answer(Answer.chat("well again").but(delay=0.1))
        answers = await asyncio.gather(*(gate.chat() for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert gate.asked("sick") == 6, "one probe, and nobody beside it"
        for _ in range(2):
            await gate.chat()
        assert gate.asked("sick") == 8

    gate(
        work,
        {"sick": FAIL, "well": Answer.chat()},
        router={"num_retries": 1, "cooldown_time": 0.3},
        rows={"sick": {"order": 1}, "well": {"order": 2}},
        together=True,
    )


def test_a_probe_that_fails_closes_it_again(gate):
    async def work(gate):
        for _ in range(6):
            await gate.chat()
        await asyncio.sleep(0.25)
        for _ in range(3):
            assert (await gate.chat()).status == 200
        assert gate.asked("sick") == 6

    gate(
        work,
        {"sick": FAIL, "well": Answer.chat()},
        router={"num_retries": 1, "cooldown_time": 0.2},
        rows={"sick": {"order": 1}, "well": {"order": 2}},
        together=True,
    )


def test_the_last_one_is_asked_whatever_happens(gate):
    async def work(gate):
        for _ in range(12):
            assert (await gate.chat("a")).status == 500
        return gate.asked()

    assert gate(work, {"a": FAIL}, router={"cooldown_time": 60})[0] == 12


# -- R5: nobody to connect to ----------------------------------------------------------------------------------------


@contextmanager
def black_hole():
    """A listener whose queue is full: connecting to it hangs."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def over_tls(authority, until):
    """A TLS server whose certificate holds until then; it never gets as far as a request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=until).configure_cert(context)
    handshakes = []

    def serve(listener):
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            line.settimeout(2)
            try:
                with context.wrap_socket(line, server_side=True) as secure:
                    handshakes.append(secure.recv(1))
            except OSError as error:
                handshakes.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1", handshakes
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_black_hole(gate):
    with black_hole() as base:

        def once():
            started = time.monotonic()
            (answer, _), [record] = gate(
                _ask_a, {"a": base, "b": Answer.chat()}, router=TO_B, rows={"a": {"connect_timeout": 0.2}}
            )
            took = time.monotonic() - started
            assert (answer.status, answer.headers["x-litellm-attempted-fallbacks"]) == (200, "1")
            assert record.attempts[0].error == "RequestTimeoutError"
            assert record.attempts[0].duration > 0.19
            return took

        assert soonest(once, 0.6) < 0.6


async def _ask_a(gate):
    return await gate.chat("a"), gate.asked("b")


def test_nobody_waits_long_to_connect_unless_told(gate):
    async def work(gate):
        [row] = gate.client.app.serving.gateway.pipeline.models.groups["a"]
        return row.timeouts.connect, row.stream_timeouts.connect

    assert gate(work, {"a": FAIL})[0] == (3.0, 3.0)
    assert DEFAULT_TIMEOUTS.connect == 3.0


def test_no_such_name_and_nobody_there(gate):
    for base in ("http://no-such-host.invalid/v1", "http://127.0.0.1:1/v1"):
        (answer, fell), _ = gate(_ask_a, {"a": base, "b": Answer.chat()}, router=TO_B)
        assert (answer.status, fell) == (200, 1)
        (answer, _), _ = gate(_ask_a, {"a": base, "b": FAIL})
        assert answer.status == 500
        assert answer.error["message"] == "Connection error.", "no host, no address"


def test_an_expired_certificate(gate, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    expired = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    with over_tls(authority, expired) as (base, handshakes):
        (answer, fell), _ = gate(
            _ask_a, {"a": base, "b": Answer.chat()}, router=TO_B, litellm={"ssl_verify": str(tmp_path / "ca.pem")}
        )
    assert (answer.status, fell) == (200, 1)
    assert len(handshakes) == 1
    assert isinstance(handshakes[0], ssl.SSLError), "not a byte of a request goes to a server like that"


# -- R6: no first byte -----------------------------------------------------------------------------------------------

SILENCES = {
    "no head": Answer.never(),
    "a head alone": Answer.sse(30.0, "{}"),
    "a head and signs of life": Answer.sse(*[b": wait\n\n", 0.05] * 100),
}


@pytest.mark.parametrize("silence", SILENCES)
@pytest.mark.parametrize("where", ["row", "router"])
def test_no_first_byte(gate, silence, where):
    answers = {"a": SILENCES[silence], "b": Answer.chat_stream("from ", "b")}
    rows = {"a": {"first_byte_timeout": 0.15}} if where == "row" else {}
    router = {**TO_B, **({"first_byte_timeout": 0.15} if where == "router" else {})}

    def once():
        started = time.monotonic()
        (answer, asked), [record] = gate(ask(stream=True), answers, rows=rows, router=router)
        took = time.monotonic() - started
        assert (answer.status, answer.text(), asked) == (200, "from b", {"a": 1, "b": 1})
        assert record.attempts[0].error == "RequestTimeoutError"
        return took

    assert soonest(once, 0.6) < 0.6


def test_whole_answers_too(gate):
    answers = {"a": Answer.never(), "b": Answer.chat()}
    (answer, asked), _ = gate(ask(), answers, rows={"a": {"first_byte_timeout": 0.15}}, router=TO_B)
    assert (answer.status, asked) == (200, {"a": 1, "b": 1})


def test_once_it_has_begun_it_may_take_its_time(gate):
    answers = {"a": Answer.chat_stream("one ", "two", pause=0.12), "b": FAIL}
    (answer, asked), _ = gate(ask(stream=True), answers, rows={"a": {"first_byte_timeout": 0.1}}, router=TO_B)
    assert (answer.text(), answer.events()[-1], asked["b"]) == ("one two", "[DONE]", 0)


# -- R7, R8: a stream that breaks off, or falls silent ---------------------------------------------------------------

BEGUN = chat_chunks({"content": "one "}, {"content": "two "}, {"content": "three"})[:4]


def breaking(how):
    if how == "stall":
        return Answer.sse(*BEGUN, 30.0, "{}")
    whole = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in BEGUN)
    kind = (("content-type", "text/event-stream"),)
    return Answer(200, kind, pieces=(whole, 0.05, b"data: {"), cut_at=len(whole) + 3, reset=how == "reset")


@pytest.mark.parametrize(("how", "code"), [("end", "500"), ("reset", "500"), ("stall", "408")])
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_stream_that_does_not_come_to_its_end(gate, how, code, dialect):
    async def work(gate):
        if dialect == "chat":
            answer = await gate.chat("a", stream=True)
        else:
            body = {"model": "a", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
            answer = await gate.client.post("/v1/messages", body)
        return answer, gate.asked(), gate.asked("b")

    (answer, asked, fell), [record] = gate(
        work,
        {"a": breaking(how), "b": Answer.chat_stream("from b")},
        router={**TO_B, "num_retries": 2},
        rows={"a": {"chunk_timeout": 0.2, **PRICED}},
    )
    assert (answer.status, asked, fell) == (200, 1, 0), "never run again"
    text = answer.body.decode()
    assert "three" in text
    assert "[DONE]" not in text
    assert "message_stop" not in text
    if dialect == "chat":
        error = answer.chunks()[-1]["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["code"] == code
    else:
        name, data = text.rstrip("\n").split("\n\n")[-1].split("\n")
        assert name == "event: error"
        assert json.loads(data.removeprefix("data: "))["type"] == "error"
    assert record.outcome == "failure"
    assert record.error.status == int(code)
    assert record.usage["completion_tokens"] >= 3
    assert record.usage["prompt_tokens"] > 0
    assert record.usage["estimated"] is True
    expected = record.usage["prompt_tokens"] * 0.001 + record.usage["completion_tokens"] * 0.002
    assert record.cost == pytest.approx(expected)


def test_a_slot_is_free_once_a_stream_has_fallen_silent(gate):
    async def work(gate):
        vendor = gate.vendors["a"]
        exchange = gate.client.open_chat("a", stream=True)
        while b"three" not in await exchange.piece():
            pass
        silent_since = time.monotonic()
        assert (await gate.chat("a")).status == 429, "the slot is taken"
        answer = await exchange.finished()
        assert answer.chunks()[-1]["error"]["code"] == "408"
        vendor.answer(Answer.chat())
        again = await gate.chat("a")
        took = time.monotonic() - silent_since
        await vendor.wait_disconnect()
        assert again.status == 200
        return took

    def once():
        rows = {"a": {"chunk_timeout": 0.2, "max_parallel_requests": 1}}
        return gate(work, {"a": breaking("stall")}, rows=rows)[0]

    assert soonest(once, 0.7) < 0.7


# -- R9: garbage -----------------------------------------------------------------------------------------------------

JSON = ("content-type", "application/json")
GZIP = ("content-encoding", "gzip")
GARBAGE = {
    "half of it": Answer(200, (JSON,), b'{"choices": [{"mess'),
    "no JSON": Answer.text("certainly!", content_type="application/json"),
    "a page": Answer.text("<html><h1>It works!</h1></html>", content_type="text/html"),
    "nothing": Answer(200, (JSON,), b""),
    "a list": Answer.json([1, 2]),
    "null": Answer.json(None),
    "deep": Answer(200, (JSON,), b'{"a":' * 100_000),
    "no gzip": Answer(200, (JSON, GZIP), b'{"choices": []}'),
    "a bomb": Answer(200, (JSON, GZIP), gzip.compress(b"[" + b" " * 50_000_000 + b"]")),
    "too much": Answer(200, (JSON,), b"[" + b" " * 2_000_000 + b"]"),
}


MAKES_NO_SENSE = ("The provider's answer makes no sense.", "The provider's answer is not a JSON object.")
"""All that is told of it: nothing of what it holds."""


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage(gate, what):
    small = {"max_response_size_mb": 1}
    (answer, _), _ = gate(ask(), {"a": GARBAGE[what]}, general=small)
    assert answer.status == 502
    assert answer.error["message"] in MAKES_NO_SENSE
    (answer, asked), _ = gate(ask(), {"a": GARBAGE[what], "b": Answer.chat()}, general=small, router=TO_B)
    assert (answer.status, asked["b"]) == (200, 1)


@pytest.mark.parametrize("what", ["a page", "no gzip"])
def test_garbage_in_place_of_a_stream(gate, what):
    answers = {"a": GARBAGE[what], "b": Answer.chat_stream("from b")}
    (answer, _), _ = gate(ask(stream=True), answers, router=TO_B)
    assert (answer.status, answer.text()) == (200, "from b")
    (answer, _), _ = gate(ask(stream=True), {"a": GARBAGE[what]})
    assert answer.status >= 500
    assert answer.error["message"]


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ({"prompt_tokens": -5, "completion_tokens": 7, "total_tokens": 2}, (0, 7, 7)),
        ({"prompt_tokens": 5, "completion_tokens": -7, "total_tokens": -2}, (5, 0, 5)),
        ({"prompt_tokens": 5, "completion_tokens": 10**18, "total_tokens": 10**18}, (5, 10**8, 10**8 + 5)),
        ({"prompt_tokens": 5, "completion_tokens": 1e18, "total_tokens": 1e18}, (5, 10**8, 10**8 + 5)),
        (
            {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": -9}},
            (5, 7, None),
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_that_cannot_be_true(gate, told, right, stream):
    if stream:
        *chunks, last = chat_chunks({"content": "x"})
        vendor = Answer.sse(*chunks, {**last, "usage": told})
    else:
        vendor = Answer.json({**RESPONSES["chat"], "usage": told})
    body = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    (answer, _), [record] = gate(ask(**body), {"a": vendor}, rows={"a": PRICED})
    assert answer.status == 200
    for usage in (record.usage, answer.chunks()[-1]["usage"] if stream else answer.json()["usage"]):
        found = tuple(usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
        assert found == right
        assert usage["clamped"] is True
        assert usage.get("prompt_tokens_details", {}).get("cached_tokens", 0) == 0
    assert record.cost == pytest.approx(right[0] * 0.001 + right[1] * 0.002)


@pytest.mark.parametrize("stream", [False, True])
def test_usage_that_a_vendor_tells_in_its_own_dialect(gate, stream):
    usage = {"input_tokens": -3, "output_tokens": 10**18}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "content": []}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    if stream:
        events = [
            {"type": "message_start", "message": {**message, "usage": {"input_tokens": -3, "output_tokens": 0}}},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 10**18}},
            {"type": "message_stop"},
        ]
        vendor = Answer.sse(*(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events), done=False)
    else:
        vendor = Answer.json({**message, **end, "usage": usage})

    async def work(gate):
        body = {"model": "a", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        return await gate.client.post("/v1/messages", body)

    answer, [record] = gate(work, {"a": vendor}, rows={"a": {"model": "anthropic/claude-x", **PRICED}})
    assert answer.status == 200
    assert record.usage["completion_tokens"] == 10**8
    assert record.usage["prompt_tokens"] >= 0
    assert record.usage["clamped"] is True
    assert 0 <= record.cost <= 10**8 * 0.002
