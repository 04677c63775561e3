"""Streams as the client reads them: framing, names, usage, failures."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from promptness import soonest

from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import USAGE, chat_chunks


@pytest.fixture
def stream(serving, row, fake_upstream):
    """Streams one chat against an answer of the vendor."""

    def run(answer, *, general=None, params=None, **body):
        fake_upstream.answer(answer)
        config = {
            "model_list": [row(fake_upstream, "my model", **(params or {}))],
            "general_settings": general or {},
            "router_settings": {"num_retries": 0},
        }

        async def main():
            async with serving(config) as client:
                return await client.chat("my model", stream=True, **body)

        return asyncio.run(main())

    return run


def test_framing_fields_and_names(stream, fake_upstream):
    answer = stream(Answer.chat_stream("Hel", "lo ", "schön 🗼"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-litellm-model-name"] == "up-1"
    assert answer.events()[-1] == "[DONE]"
    assert answer.events().count("[DONE]") == 1
    assert answer.text() == "Hello schön 🗼"
    assert {chunk["model"] for chunk in answer.chunks()} == {"my model"}
    assert answer.chunks()[-1]["choices"][0]["finish_reason"] == "stop"
    sent = fake_upstream.requests[0].json()
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}


def test_usage_is_stripped_unless_wanted(stream):
    answer = stream(Answer.chat_stream())
    assert all("usage" not in chunk for chunk in answer.chunks())
    answer = stream(Answer.chat_stream(), stream_options={"include_usage": True})
    assert answer.chunks()[-1]["usage"] == USAGE
    assert answer.chunks()[-1]["choices"] == []
    assert answer.chunks()[-1]["model"] == "my model"


def test_other_stream_options_are_kept(stream, fake_upstream):
    stream(Answer.chat_stream(), stream_options={"include_usage": False, "include_obfuscation": False})
    assert fake_upstream.requests[0].json()["stream_options"] == {"include_usage": True, "include_obfuscation": False}


def test_usage_for_everybody(stream, fake_upstream):
    answer = stream(Answer.chat_stream(), general={"always_include_stream_usage": True})
    assert answer.chunks()[-1]["usage"] == USAGE
    assert fake_upstream.requests[0].json()["stream_options"] == {"include_usage": True}


def test_usage_for_nobody_who_does_not_ask(stream, fake_upstream):
    general = {"always_include_stream_usage": False}
    chunks = chat_chunks({"content": "x"})[:-1]
    stream(Answer.sse(*chunks), general=general)
    assert "stream_options" not in fake_upstream.requests[0].json()
    answer = stream(Answer.chat_stream(), general=general, stream_options={"include_usage": True})
    assert fake_upstream.requests[1].json()["stream_options"] == {"include_usage": True}
    assert answer.chunks()[-1]["usage"] == USAGE


def test_usage_on_the_last_chunk_of_the_answer(stream):
    *first, last, usage = chat_chunks({"content": "x"})
    merged = {**last, "usage": usage["usage"]}
    answer = stream(Answer.sse(*first, merged))
    assert all("usage" not in chunk for chunk in answer.chunks())
    assert answer.chunks()[-1]["choices"][0]["finish_reason"] == "stop"
    answer = stream(Answer.sse(*first, merged), stream_options={"include_usage": True})
    assert [c["usage"] for c in answer.chunks() if c.get("usage")] == [USAGE]


def test_the_end_without_done(stream):
    answer = stream(Answer.sse(*chat_chunks({"content": "x"}), done=False))
    assert answer.events()[-1] == "[DONE]"


@pytest.mark.parametrize("cut", ["close", "zero chunk"])
def test_a_truncated_stream_is_an_error(stream, cut):
    chunks = chat_chunks({"content": "x"}, {"content": "y"})[:3]
    if cut == "zero chunk":
        upstream = Answer.sse(*chunks, done=False)
    else:
        whole = b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks)
        upstream = Answer(
            200,
            (("content-type", "text/event-stream"), ("connection", "close")),
            pieces=(whole, b"data: {"),
            cut_at=len(whole) + 3,
        )
    answer = stream(upstream)
    assert answer.status == 200
    assert answer.text() == "xy"
    error = answer.chunks()[-1]["error"]
    assert error["code"] == "500"
    assert error["message"]
    assert "[DONE]" not in answer.events()


def test_a_stream_cut_before_its_first_chunk(stream):
    answer = stream(Answer(200, (("content-type", "text/event-stream"),), b""))
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.error["type"] == "internal_server_error"


def test_an_error_event_first_is_a_plain_error(stream):
    error = {"error": {"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}
    answer = stream(Answer.sse(error, done=False))
    assert answer.status == 429
    assert answer.error["message"] == "Slow down."


def test_an_error_event_in_the_middle(stream):
    error = {"error": {"message": "Out of\nmemory.", "type": "server_error", "code": 503}}
    answer = stream(Answer.sse(*chat_chunks({"content": "x"})[:2], error, {"never": "seen"}))
    assert answer.chunks()[-1]["error"] == {
        "message": "Out of\nmemory.",
        "type": "internal_server_error",
        "param": None,
        "code": "503",
    }
    assert "[DONE]" not in answer.events()
    assert "never" not in answer.body.decode()


@pytest.mark.parametrize(
    "junk",
    [
        "not json",
        "[]",
        "5",
        "null",
        '{"choices": 5}',
        '{"choices": {"a": 1}}',
        b"data: " + b"x" * (17 * 1024 * 1024) + b"\n\n",
        b"data: \xff\xfe\n\n",
    ],
)
def test_junk_in_the_stream(stream, junk):
    answer = stream(Answer.sse(*chat_chunks({"content": "x"})[:2], junk, *chat_chunks({"content": "y"})))
    assert answer.status == 200
    events = answer.events()
    if '"choices": 5' in answer.body.decode() or '"choices": {' in answer.body.decode():
        return  # relayed as it is: nothing of ours depends on it
    assert json.loads(events[-1])["error"]["code"] == "502"
    assert "[DONE]" not in events
    assert answer.text() == "x"


def test_junk_first_is_a_plain_error(stream):
    assert stream(Answer.sse("junk")).status == 502


def test_json_over_several_lines_and_other_manners(stream):
    first, text, last, _ = chat_chunks({"content": "x"})
    lines = json.dumps(text, indent=1).encode().split(b"\n")
    pretty = b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    crlf = f": comment\r\nid: 5\r\ndata:{json.dumps(text)}\r\n\r\n".encode()
    answer = stream(Answer.sse(first, pretty, crlf, b": ping\n\n", b"\n\n", b"retry: 5\n\n", last))
    assert answer.text() == "xx"
    assert answer.events()[-1] == "[DONE]"


def test_a_json_answer_instead_of_a_stream(stream):
    """A vendor that ignores `stream: true` is not taken for one that streams nothing."""
    answer = stream(Answer.chat("whole"))
    assert answer.status in (200, 502, 500)
    if answer.status == 200:
        assert answer.text() == "whole" or "error" in answer.chunks()[-1]


def test_pieces_go_out_as_they_come(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat_stream("a", "b", pause=0.15))

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            exchange = client.open_chat(stream=True)
            await exchange.head()
            times = []
            while await exchange.piece():
                times.append(time.monotonic())
            return times

    times = asyncio.run(main())
    assert len(times) >= 4
    assert times[-1] - times[0] > 0.3


def test_many_choices(stream):
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "sample-model"}

    def chunk(index, delta, finish=None):
        return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}

    chunks = [chunk(i, {"role": "assistant", "content": f"t{i}"}) for i in range(3)]
    chunks += [chunk(i, {}, "stop") for i in range(3)]
    answer = stream(Answer.sse(*chunks, done=False), n=3)
    assert answer.events()[-1] == "[DONE]"
    assert {c["choices"][0]["index"] for c in answer.chunks()} == {0, 1, 2}


def test_between_chunks_time_out(stream):
    first, text, *_ = chat_chunks({"content": "x"})
    started = time.monotonic()
    answer = stream(Answer.sse(first, text, 5.0, text), params={"stream_timeout": 0.3})
    assert time.monotonic() - started < 2
    assert answer.chunks()[-1]["error"]["code"] == "408"
    assert "[DONE]" not in answer.events()


def test_first_byte_time_out(stream):
    answer = stream(Answer.chat_stream().but(delay=5.0), params={"stream_timeout": 0.2})
    assert answer.status == 408


def test_silence_before_the_first_chunk(stream):
    answer = stream(Answer.sse(5.0, "x"), params={"stream_timeout": 0.2})
    assert answer.status == 408


def test_a_client_that_leaves_mid_stream(serving, row, fake_upstream):
    fake_upstream.answer(Answer.sse(*chat_chunks({"content": "x"})[:2], 10.0, "never"))

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            gone = len(fake_upstream.disconnects)
            exchange = client.open_chat(stream=True)
            await exchange.piece()
            await asyncio.sleep(0.2)
            left = time.monotonic()
            exchange.hang_up()
            seen = await fake_upstream.wait_disconnect(gone + 1)
            await exchange.task
            return seen.at - left

    assert soonest(lambda: asyncio.run(main()), 0.25) < 0.25


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.3])
def test_a_client_that_leaves_before_the_answer(serving, row, fake_upstream, stream, after):
    fake_upstream.answer(Answer.never())

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            asked, gone = len(fake_upstream.requests), len(fake_upstream.disconnects)
            exchange = client.open_chat(stream=stream)
            await fake_upstream.wait_request(asked + 1)
            await asyncio.sleep(after)
            left = time.monotonic()
            exchange.hang_up()
            seen = await fake_upstream.wait_disconnect(gone + 1)
            await asyncio.wait_for(exchange.task, 1)
            assert exchange.answer is None
            return seen.at - left

    assert soonest(lambda: asyncio.run(main()), 0.25) < 0.25


def test_a_client_that_leaves_while_it_uploads(serving, row, fake_upstream):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            exchange = client.open("POST", "/v1/chat/completions", content=b'{"model":', hold_body=True)
            await asyncio.sleep(0.05)
            exchange.hang_up()
            await asyncio.wait_for(exchange.task, 1)
            assert exchange.answer is None

    asyncio.run(main())
    assert not fake_upstream.requests


def test_a_server_that_raises_when_the_client_has_gone(serving, row, fake_upstream):
    """ASGI lets `send` raise OSError then; the upstream call has to end, and quietly."""
    fake_upstream.answer(Answer.sse(*chat_chunks({"content": "x"})[:2], 0.1, *chat_chunks({"content": "y"}), 10.0))

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            count = 0

            async def send(message):
                nonlocal count
                count += 1
                if count > 2:
                    raise OSError("gone")

            sent = False

            async def receive():
                nonlocal sent
                if sent:
                    await asyncio.sleep(60)
                sent = True
                body = {"model": "m", "messages": [], "stream": True}
                return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

            scope = {
                "type": "http",
                "method": "POST",
                "path": "/v1/chat/completions",
                "headers": [],
                "query_string": b"",
            }
            await client.app(scope, receive, send)
            await fake_upstream.wait_disconnect()

    asyncio.run(main())
