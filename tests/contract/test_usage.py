"""Tokens of calls whose vendor does not tell them: counted, marked, in answers, in streams and in records."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.accounting import usage
from tianji_core.gateway import attempt
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import RESPONSES, USAGE, chat_chunks

pytest.importorskip("splintr")

SOURCE = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        def __init__(self):
            self.records = []
        async def on_call(self, record):
            self.records.append(record)

    class Reader(Sink):
        wants_content = True

    sink, reader = Sink(), Reader()
"""
PROMPT = 3 + 1 + 1 + 3  # a message, its role, "Hi", the beginning of the answer
WANTED = {"include_usage": True}
SAID = [chunk for chunk in chat_chunks({"content": "Hello, "}, {"content": "world!"}) if chunk["usage"] is None]


@pytest.fixture
def counted(serving, row, fake_upstream, config_beside):
    """Runs `work(client)` with a gateway that keeps records; returns its result and the one record."""

    def run(work, answer, *, model="gpt-4o", sink="sink", general=None, **settings):
        fake_upstream.answer(answer)
        config = {
            "model_list": [row(fake_upstream, model=f"openai_compatible/{model}")],
            "litellm_settings": {"callbacks": [f"sinks.{sink}"], **settings},
            "router_settings": {"num_retries": 0},
            "general_settings": general or {},
        }

        async def main():
            async with serving(config_beside(config, sinks=SOURCE)) as client:
                [subscription] = client.app.serving.gateway.pipeline.callbacks.subscriptions
                subscription.callback.records.clear()
                found = await work(client)
            return found, subscription.callback.records

        found, [record] = asyncio.run(main())
        return found, record

    return run


def silent(kind="chat", **changes):
    """A whole answer without usage."""
    return Answer.json({**{k: v for k, v in RESPONSES[kind].items() if k != "usage"}, **changes})


def said(text):
    return [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    "more", [{}, {"usage": None}, {"usage": {}}, {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}]
)
def test_a_whole_answer(counted, more):
    answer, record = counted(lambda client: client.chat(), silent(choices=said("Hello, world!"), **more))
    assert answer.status == 200
    assert answer.json()["usage"] == {
        "prompt_tokens": PROMPT,
        "completion_tokens": 4,
        "total_tokens": PROMPT + 4,
        "estimated": True,
    }
    assert record.usage == answer.json()["usage"]
    assert record.usage_source == "tokenizer"


def test_a_model_whose_tokenizer_nobody_knows(counted):
    answer, record = counted(lambda client: client.chat(), silent(choices=said("Hello, world!")), model="mystery-1")
    assert answer.json()["usage"]["completion_tokens"] > 0
    assert record.usage_source == "estimate"


def test_embeddings(counted):
    async def work(client):
        return await client.post("/v1/embeddings", {"model": "m", "input": ["Hello, world!", "Hello, world!"]})

    answer, record = counted(work, silent("embeddings"), model="text-embedding-3-small")
    assert answer.json()["usage"] == {
        "prompt_tokens": 8,
        "completion_tokens": 0,
        "total_tokens": 8,
        "estimated": True,
    }
    assert record.usage_source == "tokenizer"


@pytest.mark.parametrize("stream", [False, True])
def test_completions_over_a_chat_model(counted, stream):
    async def work(client):
        body = {"model": "m", "prompt": "Hello, world!", "stream": stream, "stream_options": WANTED}
        return await client.post("/v1/completions", body)

    answer, record = counted(work, Answer.sse(*SAID) if stream else silent(choices=said("Hello, world!")))
    told = answer.chunks()[-1] if stream else answer.json()
    assert told["object"] == "text_completion"
    assert (told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"]) == (4, 4)
    assert record.usage == told["usage"]


def test_what_the_vendor_counts_stays_and_costs_nothing(counted, monkeypatch):
    def never(*args):
        raise AssertionError("counted although the vendor has")

    monkeypatch.setattr(usage, "_usage", never)
    monkeypatch.setattr(usage, "_stream_usage", never)
    answer, record = counted(lambda client: client.chat(), Answer.chat())
    assert answer.json()["usage"] == USAGE
    assert (record.usage, record.usage_source) == (USAGE, "vendor")
    answer, record = counted(lambda client: client.chat(stream=True, stream_options=WANTED), Answer.chat_stream())
    assert answer.chunks()[-1]["usage"] == USAGE
    assert (record.usage, record.usage_source) == (USAGE, "vendor")


@pytest.mark.parametrize("sink", ["sink", "reader"])
def test_a_stream_tells_it_if_asked(counted, sink):
    async def work(client):
        return await client.chat(stream=True, stream_options=WANTED)

    answer, record = counted(work, Answer.sse(*SAID), sink=sink)
    assert answer.events()[-1] == "[DONE]"
    *chunks, last = answer.chunks()
    assert last["choices"] == []
    assert {name: last[name] for name in ("id", "object", "created", "model")} == {
        name: chunks[0][name] for name in ("id", "object", "created", "model")
    }
    assert last["usage"] == {
        "prompt_tokens": PROMPT,
        "completion_tokens": 4,
        "total_tokens": PROMPT + 4,
        "estimated": True,
    }
    assert all("usage" not in chunk or chunk["usage"] is None for chunk in chunks)
    assert answer.text() == "Hello, world!"
    assert (record.usage, record.usage_source) == (last["usage"], "tokenizer")
    if sink == "reader":
        assert record.response["usage"] == last["usage"]
        assert record.response["choices"][0]["message"]["content"] == "Hello, world!"


def test_a_stream_keeps_it_for_the_record_if_not_asked(counted):
    answer, record = counted(lambda client: client.chat(stream=True), Answer.sse(*SAID))
    assert all("usage" not in chunk for chunk in answer.chunks())
    assert len(answer.chunks()) == len(SAID)
    assert record.usage["completion_tokens"] == 4


def test_usage_for_everybody(counted):
    general = {"always_include_stream_usage": True}
    answer, _ = counted(lambda client: client.chat(stream=True), Answer.sse(*SAID), general=general)
    assert answer.chunks()[-1]["usage"]["estimated"] is True


def test_tools_in_a_stream(counted):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "weather", "arguments": ""}}
    deltas = [{"tool_calls": [call]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"ci', 'ty":"Paris"}')]
    _, record = counted(lambda client: client.chat(stream=True), Answer.sse(*chat_chunks(*deltas)[:-1]))
    assert 5 <= record.usage["completion_tokens"] <= 9


def test_a_long_stream_is_counted_by_its_size(counted):
    text = "The quick brown fox jumps over the lazy dog. "
    count = 600
    answer, record = counted(
        lambda client: client.chat(stream=True, stream_options=WANTED),
        Answer.sse(*chat_chunks(*[{"content": text}] * count)[:-1]),
    )
    assert len(answer.text()) == count * len(text)
    assert len(answer.body) > 2 * 64 * 1024
    assert abs(record.usage["completion_tokens"] - 10 * count) < 0.03 * 10 * count
    assert record.usage_source == "estimate"


def test_a_client_that_leaves_is_billed_for_what_it_got(counted, fake_upstream):
    async def work(client):
        exchange = client.open_chat(stream=True)
        while b"world!" not in await exchange.piece():
            pass
        exchange.hang_up()
        await exchange.task

    _, record = counted(work, Answer.sse(*SAID[:3], 10.0, "never"))
    assert (record.outcome, record.error.status) == ("failure", 499)
    assert record.usage == {
        "prompt_tokens": PROMPT,
        "completion_tokens": 4,
        "total_tokens": PROMPT + 4,
        "estimated": True,
    }


def test_a_stream_that_breaks_off(counted):
    answer, record = counted(lambda client: client.chat(stream=True), Answer.sse(*SAID[:3], done=False))
    assert "error" in answer.chunks()[-1]
    assert record.outcome == "failure"
    assert record.usage["completion_tokens"] == 4


def test_nothing_is_counted_where_nothing_was_answered(counted):
    _, record = counted(lambda client: client.chat(stream=True), Answer.error(500))
    assert (record.usage, record.usage_source) == (None, None)
    _, record = counted(lambda client: client.chat(), Answer.error(500))
    assert (record.usage, record.usage_source) == (None, None)


@pytest.mark.parametrize("stream", [False, True])
def test_it_can_be_turned_off(counted, stream):
    answer = Answer.sse(*SAID) if stream else silent()
    found, record = counted(
        lambda client: client.chat(stream=stream, stream_options=WANTED), answer, disable_token_counter=True
    )
    assert found.status == 200
    told = found.chunks()[-1] if stream else found.json()
    assert told.get("usage") is None
    assert (record.usage, record.usage_source) == (None, None)


def test_other_operations_are_not_measured_in_tokens(counted):
    async def work(client):
        return await client.post("/v1/images/generations", {"model": "m", "prompt": "a fox"})

    answer, record = counted(work, Answer.json({"created": 1, "data": [{"url": "https://a.test/1.png"}]}))
    assert answer.status == 200, answer.body
    assert "usage" not in answer.json()
    assert record.usage is None


def test_a_count_that_is_cut_short_is_made_roughly(counted, fake_upstream, monkeypatch):
    """A second cancel, such as the server's own at its end, must not leave the call open or without usage."""
    real = attempt.count_stream

    async def slow(*args, quick):
        if not quick:
            await asyncio.sleep(10)
        return await real(*args, quick=quick)

    monkeypatch.setattr(attempt, "count_stream", slow)

    async def work(client):
        exchange = client.open_chat(stream=True)
        while b"world!" not in await exchange.piece():
            pass
        exchange.hang_up()
        await fake_upstream.wait_disconnect()
        await asyncio.sleep(0.05)
        exchange.task.cancel()
        await asyncio.wait([exchange.task], timeout=2)
        assert client.app.serving.gateway.pipeline.limits.in_flight == 0

    _, record = counted(work, Answer.sse(*SAID[:3], 10.0))
    assert record.usage["completion_tokens"] == 4
    assert record.usage_source == "estimate"


def test_a_client_that_leaves_while_the_last_chunk_is_counted(counted, monkeypatch):
    real, begun = attempt.count_stream, asyncio.Event()

    async def first_slow(*args, quick):
        if not begun.is_set():
            begun.set()
            await asyncio.sleep(10)
        return await real(*args, quick=quick)

    monkeypatch.setattr(attempt, "count_stream", first_slow)

    async def work(client):
        exchange = client.open_chat(stream=True)
        await begun.wait()
        await asyncio.sleep(0.15)
        exchange.hang_up()
        await asyncio.wait_for(exchange.task, 2)

    _, record = counted(work, Answer.sse(*SAID))
    assert record.error.status == 499
    assert record.usage["completion_tokens"] == 4
