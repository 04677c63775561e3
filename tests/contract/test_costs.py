"""What calls cost: in records, in header fields, on every surface, streamed or not, whatever their end."""

from __future__ import annotations

import asyncio
import json
from textwrap import dedent

import pytest
from sinks import SINK

from tianji_core.accounting.prices.table import write_table
from tianji_core.accounting.sessions import SessionUsage
from tianji_core.api.callback import Cost, in_dollars
from tianji_core.api.standard_payload import standard_payload
from tianji_core.gateway import Gateway
from tianji_core.gateway.call import Call
from tianji_core.gateway.costs import settle_cost
from tianji_core.gateway.records import make_record
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import AUDIO, RESPONSES, STREAMS, USAGE, chat_chunks

PLAIN = 18 * 2.5e-6 + 9 * 1e-5
"""What the usage of the samples costs with gpt-4o."""
COST = "x-litellm-response-cost"


@pytest.fixture
def priced(serving, fake_upstream, config_beside):
    """Runs `work(client)` against one row, or several; returns its result and the records."""

    def run(work, answer=None, *, model="openai/gpt-4o", rows=None, extra=None, more="", **config):
        if answer is not None:
            fake_upstream.answer(*([answer] if isinstance(answer, Answer) else answer))
        base = {"api_base": f"{fake_upstream.url}/v1", "api_key": "sk-up"}
        made = (
            rows(base)
            if rows is not None
            else [{"model_name": "m", "litellm_params": {"model": model, **base, **(extra or {})}}]
        )
        config.setdefault("router_settings", {"num_retries": 0})
        config["litellm_settings"] = {"callbacks": ["sinks.sink"], **config.get("litellm_settings", {})}

        async def main():
            async with serving(
                config_beside({"model_list": made, **config}, sinks=dedent(SINK) + dedent(more))
            ) as client:
                [subscription] = client.app.serving.gateway.pipeline.callbacks.subscriptions
                subscription.callback.records.clear()
                found = await work(client)
            return found, subscription.callback.records

        return asyncio.run(main())

    return run


def test_an_answer_tells_its_cost(priced):
    answer, [record] = priced(lambda client: client.chat(), Answer.chat())
    assert float(answer.headers.get(COST)) == record.cost == pytest.approx(PLAIN)
    assert answer.headers.get(COST) == "0.000135"
    assert answer.headers.get(f"{COST}-original") == "0.000135"
    assert answer.headers.get(f"{COST}-input") == "4.5e-05"
    assert answer.headers.get(f"{COST}-output") == "9e-05"
    assert answer.headers.get(f"{COST}-discount-amount") is None
    assert record.cost_breakdown == Cost(135_000_000, 135_000_000, "table", input=45_000_000, output=90_000_000)
    assert record.unpriced is None


@pytest.mark.parametrize("kind", ["chat", "reasoning", "tools"])
def test_a_stream_costs_what_an_answer_does(priced, kind):
    whole, [first] = priced(lambda client: client.chat(), Answer.json(RESPONSES[kind]))
    events = Answer(200, (("content-type", "text/event-stream"),), STREAMS[kind])
    streamed, [second] = priced(lambda client: client.chat(stream=True), events)
    assert streamed.headers.get(COST) is None, "nobody knows it yet"
    assert first.cost_breakdown == second.cost_breakdown
    assert float(whole.headers.get(COST)) == second.cost


def test_what_was_delivered_of_a_cut_stream_is_paid_for(priced):
    async def leave(client):
        exchange = client.open_chat(stream=True)
        while b"world" not in await exchange.piece():
            pass
        exchange.hang_up()
        await exchange.task

    chunks = [chunk for chunk in chat_chunks({"content": "Hello, "}, {"content": "world!"}) if chunk["usage"] is None]
    _, [record] = priced(leave, Answer.sse(*chunks[:3], 5.0))
    assert record.outcome == "failure"
    assert record.cost == pytest.approx(8 * 2.5e-6 + record.usage["completion_tokens"] * 1e-5)
    assert record.usage["completion_tokens"] > 0


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 50,
        "server_tool_use": {"web_search_requests": 2},
    },
}
CLAUDE = 100 * 3e-6 + 1000 * 3e-7 + 200 * 3.75e-6 + 100 * 6e-6 + 50 * 1.5e-5 + 2 * 0.01
CLAUDE_ROW = {"model": "anthropic/claude-sonnet-4-5"}


def message_events(last=True):
    begun = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**MESSAGE["usage"], "output_tokens": 1}}
    begun["usage"].pop("server_tool_use")
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi " * 40}},
    ]
    if last:
        usage = {"output_tokens": 50, "server_tool_use": {"web_search_requests": 2}}
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


ASKED = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_claude_with_caches_and_searches(priced, path, stream):
    answer = Answer.sse(*message_events(), done=False) if stream else Answer.json(MESSAGE)
    got, [record] = priced(
        lambda client: client.post(path, {**ASKED, "stream": stream}), answer, model="anthropic/claude-sonnet-4-5"
    )
    assert got.status == 200, got.body
    assert record.cost == pytest.approx(CLAUDE)
    cost = record.cost_breakdown
    assert [in_dollars(each) for each in (cost.cache_read, cost.cache_write, cost.tools)] == [3e-4, 1.35e-3, 0.02]
    assert got.headers.get(f"{COST}-tool-usage") == (None if stream else "0.02")


def test_a_cut_stream_in_the_clients_dialect(priced):
    async def leave(client):
        exchange = client.open("POST", "/v1/messages", json={**ASKED, "stream": True})
        while b"Hi Hi" not in await exchange.piece():
            pass
        exchange.hang_up()
        await exchange.task

    _, [record] = priced(
        leave, Answer.sse(*message_events(last=False), 5.0, done=False), model="anthropic/claude-sonnet-4-5"
    )
    assert record.usage["prompt_tokens"] == 1400
    assert record.usage["estimated"] is True
    written = record.usage["completion_tokens"]
    assert 20 <= written <= 60
    assert record.cost == pytest.approx(CLAUDE - 50 * 1.5e-5 - 0.02 + written * 1.5e-5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", ASKED),
        ("/v1/responses", {"model": "m", "input": "Hi"}),
        ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
    ],
)
def test_translated_dialects_cost_what_chat_does(priced, path, body):
    answer, [record] = priced(lambda client: client.post(path, body), Answer.chat(), model="openai_compatible/gpt-4o")
    assert answer.status == 200, answer.body
    assert record.unpriced == "no price is known for openai_compatible/gpt-4o"
    answer, [record] = priced(
        lambda client: client.post(path, body),
        Answer.chat(),
        model="openai_compatible/gpt-4o",
        extra={"input_cost_per_token": "2.5e-6", "output_cost_per_token": 0.00001},
    )
    assert float(answer.headers.get(COST)) == record.cost == pytest.approx(PLAIN)
    assert record.cost_breakdown.source == "config"


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
    ],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 130,
    },
}
GPT5 = 60 * 1.25e-6 + 40 * 1.25e-7 + 30 * 1e-5 + 0.01


@pytest.mark.parametrize("stream", [False, True])
def test_native_responses_with_a_search(priced, stream):
    events = [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}}
    ]
    events.append({"type": "response.completed", "response": RESPONSE})
    answer = Answer.sse(*events, done=False) if stream else Answer.json(RESPONSE)
    asked = {"model": "m", "input": "Hi", "store": False, "stream": stream}
    got, [record] = priced(lambda client: client.post("/v1/responses", asked), answer, model="openai/gpt-5")
    assert got.status == 200, got.body
    assert record.cost == pytest.approx(GPT5)


@pytest.mark.parametrize(
    ("asked", "answered", "price"),
    [
        ("flex", "flex", 18 * 6.25e-7 + 9 * 5e-6),
        ("flex", "default", 18 * 1.25e-6 + 9 * 1e-5),
        ("auto", "priority", 18 * 2.5e-6 + 9 * 2e-5),
        ("priority", None, 18 * 2.5e-6 + 9 * 2e-5),
        (None, None, 18 * 1.25e-6 + 9 * 1e-5),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_tier_of_service_that_was_given_is_paid_for(priced, asked, answered, price, stream):
    told = {} if answered is None else {"service_tier": answered}
    whole = Answer.json({**RESPONSES["chat"], **told})
    events = Answer.sse(*({**chunk, **told} for chunk in chat_chunks({"content": "Hi"})))
    body = {} if asked is None else {"service_tier": asked}
    _, [record] = priced(
        lambda client: client.chat(stream=stream, **body), events if stream else whole, model="openai/gpt-5"
    )
    assert record.cost == pytest.approx(price)


FORM = {"content-type": "multipart/form-data; boundary=b"}
RECORDING = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n'
)
IMAGE = {"created": 1, "data": [{"b64_json": "aQ=="}, {"b64_json": "aQ=="}]}
IMAGE_USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 40, "image_tokens": 10},  # at 5 and 10 dollars a million, 40 for the answer
    "output_tokens": 1000,
    "total_tokens": 1050,
}
FINE = {"prompt": "x", "size": "1024x1024", "quality": "high"}
MINUTE = {"type": "duration", "seconds": 61}
OPERATIONS = [
    ("openai/text-embedding-3-small", "/v1/embeddings", {"input": "x"}, RESPONSES["embeddings"], 4 * 2e-8),
    ("openai/gpt-3.5-turbo-instruct", "/v1/completions", {"prompt": "x"}, RESPONSES["completions"], 9e-6),
    ("openai/omni-moderation-latest", "/v1/moderations", {"input": "x"}, RESPONSES["moderations"], 0.0),
    ("openai/gpt-image-1", "/v1/images/generations", FINE, IMAGE, 2 * 0.167),
    ("openai/gpt-image-1", "/v1/images/generations", FINE, {**IMAGE, "usage": IMAGE_USAGE}, 0.0403),
    ("openai/whisper-1", "/v1/audio/transcriptions", RECORDING, {"text": "x", "usage": MINUTE}, 61e-4),
    ("openai/whisper-1", "/v1/audio/translations", RECORDING, {"text": "x", "duration": 7.5}, 7.5e-4),
    ("cohere/rerank-v3.5", "/v1/rerank", {"query": "x", "documents": ["a", "b"]}, RESPONSES["rerank"], 0.002),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "path", "body", "answer", "price"), OPERATIONS, ids=[f"{o[0]} {o[1]}" for o in OPERATIONS]
)
def test_every_operation_has_its_price(priced, model, path, body, answer, price):
    def ask(client):
        if isinstance(body, bytes):
            return client.request("POST", path, content=body, headers=FORM)
        return client.post(path, {"model": "m", **body})

    got, [record] = priced(ask, Answer.json(answer), model=model)
    assert got.status == 200, got.body
    assert record.cost == pytest.approx(price)
    assert float(got.headers.get(COST)) == record.cost


def test_speech_costs_by_the_letter(priced):
    asked = {"model": "m", "input": "ten letters"[:10], "voice": "alloy"}
    answer, [record] = priced(
        lambda client: client.post("/v1/audio/speech", asked),
        Answer(200, (("content-type", "audio/mpeg"),), AUDIO),
        model="openai/tts-1",
    )
    assert answer.body == AUDIO
    assert record.cost == pytest.approx(10 * 1.5e-5)
    assert float(answer.headers.get(COST)) == record.cost


def test_a_streamed_transcription_tells_its_usage(priced):
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"audio_tokens": 14, "text_tokens": 0},
        "output_tokens": 45,
        "total_tokens": 59,
    }
    events = [
        {"type": "transcript.text.delta", "delta": "x"},
        {"type": "transcript.text.done", "text": "x", "usage": usage},
    ]
    form = RECORDING.replace(b"--b--", b'--b\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--b--')
    _, [record] = priced(
        lambda client: client.request("POST", "/v1/audio/transcriptions", content=form, headers=FORM),
        Answer.sse(*events, done=False),
        model="openai/gpt-4o-transcribe",
    )
    assert record.cost == pytest.approx(14 * 2.5e-6 + 45 * 1e-5)


def test_an_unknown_price_is_said_to_be_one(priced, capsys):
    async def twice(client):
        return [await client.chat(), await client.chat()]

    answers, records = priced(twice, Answer.chat(), model="openai/of-my-own-making")
    for answer, record in zip(answers, records, strict=True):
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith(COST)]
        assert (record.cost, record.cost_breakdown) == (None, None)
        assert record.unpriced == "no price is known for openai/of-my-own-making"
    told = [line for line in capsys.readouterr().err.splitlines() if "cost unknown" in line]
    assert len(told) == 1


def test_failures_cost_nothing_and_fallbacks_their_own(priced):
    def rows(base):
        return [
            {"model_name": "m", "litellm_params": {"model": "openai/gpt-4.1", **base}},
            {"model_name": "other", "litellm_params": {"model": "openai/gpt-4o", **base}},
        ]

    answer, [record] = priced(lambda client: client.chat(), Answer.error(400), rows=rows)
    assert answer.status == 400
    assert (record.cost, record.unpriced, record.cost_breakdown) == (None, None, None)
    answer, [record] = priced(
        lambda client: client.chat(),
        [Answer.error(500), Answer.chat()],
        rows=rows,
        litellm_settings={"fallbacks": [{"m": ["other"]}]},
    )
    assert record.cost == pytest.approx(PLAIN)
    assert record.fallbacks == 1


def test_retries_cost_once(priced):
    _, [record] = priced(
        lambda client: client.chat(), [Answer.error(500), Answer.chat()], router_settings={"num_retries": 2}
    )
    assert len(record.attempts) == 2
    assert record.cost == pytest.approx(PLAIN)


def test_discount_and_margin(priced):
    answer, [record] = priced(
        lambda client: client.chat(),
        Answer.chat(),
        litellm_settings={
            "cost_discount_config": {"openai": 0.1},
            "cost_margin_config": {"global": {"percentage": "0.2", "fixed_amount": 0.001}},
        },
    )
    assert record.cost == pytest.approx(PLAIN * 0.9 * 1.2 + 0.001)
    assert answer.headers.get(f"{COST}-original") == "0.000135"
    assert answer.headers.get(f"{COST}-discount-amount") == "1.35e-05"
    assert answer.headers.get(f"{COST}-margin-amount") == "0.0010243"
    assert answer.headers.get(f"{COST}-margin-percent") == "0.2"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("known", ["base model", "answer"])
def test_names_that_hide_a_model(priced, stream, known):
    def rows(base):
        info = {"base_model": "azure/gpt-4o"} if known == "base model" else {}
        params = {
            "model": "azure/my-deployment",
            "api_base": base["api_base"],
            "api_key": "k",
            "api_version": "2024-10-21",
        }
        return [{"model_name": "m", "litellm_params": params, "model_info": info}]

    named = "gpt-4o-2024-08-06"
    whole = Answer.json({**RESPONSES["chat"], "model": named})
    events = Answer.sse(*({**chunk, "model": named} for chunk in chat_chunks({"content": "Hi"})))
    _, [record] = priced(lambda client: client.chat(stream=stream), events if stream else whole, rows=rows)
    assert record.cost == pytest.approx(PLAIN)


def test_a_wildcard_has_the_prices_of_what_is_asked_for(priced):
    def rows(base):
        return [{"model_name": "openai/*", "litellm_params": {"model": "openai/*", **base}}]

    async def both(client):
        return [await client.chat(model="openai/gpt-4o"), await client.chat(model="openai/gpt-4o-mini")]

    _, records = priced(both, Answer.chat(), rows=rows)
    assert [record.cost for record in records] == pytest.approx([PLAIN, 18 * 1.5e-7 + 9 * 6e-7])


def test_a_blocked_answer_was_paid_for(priced):
    guard = """
        from tianji_core.api.guardrail import Block, Guardrail
        class Never(Guardrail):
            stages = frozenset({"post_call"})
            async def check(self, stage, payload):
                return Block("no")
        def never(settings):
            return Never()
    """

    def rows(base):
        return [{"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", **base}}]

    guardrails = [
        {"guardrail_name": "n", "litellm_params": {"guardrail": "sinks.never", "mode": "post_call", "default_on": True}}
    ]
    for stream in (False, True):
        answer = Answer.chat_stream() if stream else Answer.chat()
        _, [record] = priced(
            lambda client, s=stream: client.chat(stream=s), answer, rows=rows, guardrails=guardrails, more=guard
        )
        assert (record.outcome, record.cost) == ("failure", pytest.approx(PLAIN))


def test_what_a_vendor_charges_goes_over_the_table(priced):
    reported = Answer.json({**RESPONSES["chat"], "usage": {**USAGE, "cost": 0.00042}})
    _, [record] = priced(lambda client: client.chat(), reported)
    assert (record.cost, record.cost_breakdown.source) == (0.00042, "vendor")
    _, [record] = priced(
        lambda client: client.chat(), reported, extra={"input_cost_per_token": 0.0, "output_cost_per_token": 0}
    )
    assert (record.cost, record.cost_breakdown.source) == (0.0, "config")


def test_pass_through_costs_by_what_it_used(priced):
    def rows(base):
        return [
            {
                "model_name": "m",
                "litellm_params": {"model": "openai/gpt-4o", "api_key": "k", "api_base": base["api_base"]},
            }
        ]

    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    _, [record] = priced(lambda client: client.post("/openai/v1/chat/completions", body), Answer.chat(), rows=rows)
    assert record.operation == "pass_through"
    assert record.cost == pytest.approx(18 * 1.5e-7 + 9 * 6e-7)


def test_plugins_know_prices(priced, monkeypatch):
    from tianji_core import hookimpl
    from tianji_core.discovery import Registry

    class Prices:
        @hookimpl
        def tianji_model_price(self, model, provider):
            return (
                {"input_cost_per_token": 1e-3, "output_cost_per_token": 0}
                if (model, provider) == ("mine", "openai")
                else None
            )

    scan = Registry.scan

    def scanned(*args):
        registry = scan(*args)
        registry.pm.register(Prices())
        return registry

    monkeypatch.setattr(Registry, "scan", scanned)
    _, [record] = priced(lambda client: client.chat(), Answer.chat(), model="openai/mine")
    assert (record.cost, record.cost_breakdown.source) == (0.018, "plugin")
    _, [record] = priced(lambda client: client.chat(), Answer.chat())
    assert record.cost == pytest.approx(PLAIN)


def test_listings_show_prices_and_limits(priced):
    async def lists(client):
        info = (await client.get("/model/info")).json()["data"][0]["model_info"]
        models = (await client.get("/v1/models")).json()["data"][0]
        group = (await client.get("/model_group/info")).json()["data"][0]
        return info, models, group

    (info, models, group), _ = priced(lists, extra={"output_cost_per_token": "2e-5"})
    assert info["input_cost_per_token"] == 2.5e-6
    assert info["output_cost_per_token"] == 2e-5
    assert info["cache_creation_input_token_cost"] is None
    assert (info["max_tokens"], info["max_input_tokens"], info["mode"]) == (16384, 128000, "chat")
    assert (models["mode"], models["max_input_tokens"], models["max_output_tokens"]) == ("chat", 128000, 16384)
    assert (group["input_cost_per_token"], group["output_cost_per_token"]) == (2.5e-6, 2e-5)


def working(fake_upstream):
    """A vendor that works on an answer in the background, until something is in the list that this gives."""
    whole = []

    def vendor(request):
        if request.method == "POST":
            return Answer.json({**RESPONSE, "status": "queued", "background": True, "output": [], "usage": None})
        return Answer.json(RESPONSE if whole else {**RESPONSE, "status": "in_progress", "output": [], "usage": None})

    fake_upstream.answer(script=vendor)
    return whole


@pytest.mark.parametrize("seen", ["by the gateway", "by the client", "at the end"])
def test_an_answer_in_the_background_has_its_record_once_it_is_whole(priced, fake_upstream, monkeypatch, seen):
    looks = 0.02 if seen == "by the gateway" else 60.0
    monkeypatch.setattr("tianji_core.gateway.responses.deferred.FIRST_LOOK", looks)
    whole = working(fake_upstream)

    async def work(client):
        asked = {"model": "m", "input": "Hi", "background": True}
        made = (await client.post("/v1/responses", asked)).json()
        assert made["status"] == "queued"
        path = f"/v1/responses/{made['id']}"
        assert (await client.get(path)).json()["status"] == "in_progress"
        whole.append(True)
        if seen == "by the client":
            assert [(await client.get(path)).json()["status"] for _ in range(2)] == ["completed"] * 2
        elif seen == "by the gateway":
            while client.app.serving.gateway.responses.deferred._waiting:
                await asyncio.sleep(0.01)
            assert (await client.get(path)).json()["status"] == "completed"
        return made

    made, records = priced(work, model="openai/gpt-5")
    first, second = sorted((r for r in records if r.operation == "chat"), key=lambda r: r.ended_at)
    assert (first.cost, first.unpriced) == (None, None)
    assert second.cost == pytest.approx(GPT5)
    assert (second.id, second.metadata["response_id"], second.metadata["call_id"]) == ("resp_1", made["id"], first.id)
    assert second.usage["total_tokens"] == 130


@pytest.mark.parametrize(
    ("row", "config", "wrong"),
    [
        ({"input_cost_per_token": "cheap"}, {}, "model_list[0].litellm_params.input_cost_per_token"),
        ({"cache_read_input_token_cost": -1}, {}, "model_list[0].litellm_params.cache_read_input_token_cost must be"),
        (
            {"tiered_pricing": [{"range": [0, 1], "input_cost_per_token": "x"}]},
            {},
            "tiered_pricing: has something that is no price",
        ),
        ({}, {"litellm_settings": {"cost_discount_config": {"openai": 1.5}}}, "cost_discount_config: must be parts"),
        (
            {},
            {"litellm_settings": {"cost_margin_config": {"openai": {"percent": 1}}}},
            "cost_margin_config: must be for",
        ),
        ({}, {"general_settings": {"price_table": "none.jsonl"}}, "none.jsonl: No such file"),
    ],
)
def test_prices_that_are_none_are_told_with_their_line(config_beside, row, config, wrong):
    from tianji_core.config import ConfigError

    rows = [{"model_name": "m", "litellm_params": {"model": "echo/m", **row}}]
    try:
        gateway = Gateway.from_config(config_beside({"model_list": rows, **config}))
        told = str(gateway.loaded.report)
    except ConfigError as error:
        told = str(error)
    assert "config.yaml:" in told
    assert wrong.split(" must")[0] in told, told


def test_a_table_of_the_operators_goes_first(priced, tmp_path):
    source = [{"name": "ours", "version": "1", "date": "2026-01-01", "license": "ours"}]
    write_table(
        tmp_path / "own.jsonl", source, {"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-3}}
    )
    _, [record] = priced(lambda client: client.chat(), Answer.chat(), general_settings={"price_table": "own.jsonl"})
    assert record.cost == pytest.approx(0.018)


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-4o-transcribe"])
def test_a_session_pays_for_its_transcripts_too(model):
    gateway = Gateway.from_config({"model_list": [{"model_name": "m", "litellm_params": {"model": f"openai/{model}"}}]})
    deployment = gateway.pipeline.models.deployments[0]
    call = Call("realtime", "m", {})
    call.deployment, call.upstream_model = deployment, model
    usage = SessionUsage(transcribes=model != "gpt-realtime")
    session = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    heard = {"type": "conversation.item.input_audio_transcription.completed"}
    spoken = {"input_tokens": 100, "output_tokens": 50, "input_token_details": {"text_tokens": 100}}
    if model == "gpt-realtime":
        usage.see(json.dumps({"event_id": "1", "type": "session.updated", "session": session}))
        usage.see(json.dumps({"type": "response.done", "response": {"usage": spoken}}))
        usage.see(json.dumps({**heard, "usage": {"type": "duration", "seconds": 3}}))
        wanted = 100 * 4e-6 + 50 * 16e-6 + 3e-4
    else:
        usage.see(json.dumps({**heard, "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}}))
        wanted = 10 * 2.5e-6 + 5 * 1e-5
    call.usage = usage.total()
    settle_cost(call, answered=True)
    assert call.cost is not None, call.unpriced
    assert in_dollars(call.cost.total) == pytest.approx(wanted)


def test_an_answer_out_of_a_cache_costs_nothing_and_says_what_it_saved():
    gateway = Gateway.from_config({"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/gpt-4o"}}]})
    call = Call("chat", "m", {})
    call.deployment, call.upstream_model = gateway.pipeline.models.deployments[0], "gpt-4o"
    call.usage, call.cache_hit = USAGE, True
    settle_cost(call, answered=True)
    record = make_record(call, None, content=False)
    assert (record.cost, record.saved_cost) == (0.0, pytest.approx(PLAIN))
    payload = standard_payload(record)
    assert (payload["response_cost"], payload["saved_cache_cost"]) == (0.0, pytest.approx(PLAIN))


def test_the_payload_has_the_references_names(priced):
    _, [record] = priced(
        lambda client: client.post("/v1/messages", ASKED), Answer.json(MESSAGE), model="anthropic/claude-sonnet-4-5"
    )
    payload = standard_payload(record)
    assert payload["response_cost"] == payload["hidden_params"]["response_cost"] == pytest.approx(CLAUDE)
    told = payload["cost_breakdown"]
    assert told["input_cost"] == pytest.approx(CLAUDE - 50 * 1.5e-5 - 0.02)
    assert told["output_cost"] == pytest.approx(50 * 1.5e-5)
    assert (told["cache_read_cost"], told["cache_creation_cost"], told["tool_usage_cost"]) == (3e-4, 1.35e-3, 0.02)
    assert told["original_cost"] == told["total_cost"] == payload["response_cost"]
    assert payload["response_cost_failure_debug_info"] is None


def test_models_without_a_price_can_be_refused(priced, fake_upstream):
    blocked = {"block_requests_for_models_without_pricing": True}
    answer, [record] = priced(
        lambda client: client.chat(), Answer.chat(), model="openai/none", litellm_settings=blocked
    )
    assert (answer.status, answer.error["type"]) == (403, "model_cost_map_missing")
    assert (record.cost, record.unpriced) == (None, None)
    assert not fake_upstream.requests
    answer, _ = priced(lambda client: client.chat(), Answer.chat(), litellm_settings=blocked)
    assert answer.status == 200


def test_a_reload_hands_over_what_vendors_still_work_on(priced, fake_upstream):
    whole = working(fake_upstream)

    async def work(client):
        made = (await client.post("/v1/responses", {"model": "m", "input": "Hi", "background": True})).json()
        old = client.app.serving.gateway
        await client.app.reload()
        await asyncio.gather(*client.app._retired)
        now = client.app.serving.gateway
        assert now is not old
        assert list(now.responses.deferred._waiting) == ["resp_1"]
        whole.append(True)
        assert (await client.get(f"/v1/responses/{made['id']}")).json()["status"] == "completed"
        return now.pipeline.callbacks.subscriptions[0].callback.records

    records, _ = priced(work, model="openai/gpt-5")
    assert [record.cost for record in records if record.id == "resp_1"] == [pytest.approx(GPT5)]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("place", ["chunk", "last chunk", "nowhere"])
def test_the_usage_of_a_stream_may_tell_its_cost(priced, told, place):
    chunks = chat_chunks({"content": "Hi"})
    if place != "chunk":
        *chunks, usage = chunks
    if place == "last chunk":
        chunks[-1]["usage"] = usage["usage"]
    shown = {"include_cost_in_streaming_usage": told}
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    answer, [record] = priced(lambda client: client.chat(**asked), Answer.sse(*chunks), litellm_settings=shown)
    assert answer.chunks()[-1]["usage"].get("cost") == (record.cost if told else None)
    assert record.cost > 0
    assert record.cost_breakdown.source == "table"
    assert "cost" not in record.usage
