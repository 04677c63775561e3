"""The response cache: the same answer, whole and streamed, in every dialect, for nobody but those it is for."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import chat_chunks
from tianji_core.wire.sse import SSEDecoder

REMEMBER = """
from tianji_core.api.callback import Callback

RECORDS = []

class Remember(Callback):
    wants_content = True

    async def on_call(self, record):
        RECORDS.append(record)

remember = Remember()
"""
USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}


@pytest.fixture(params=["local", "redis"])
def cache_params(request, monkeypatch):
    if request.param == "local":
        return {"type": "local"}
    prefix = request.getfixturevalue("redis_prefix")
    from tianji_core.gateway.cache import local

    monkeypatch.setattr(local.RedisCache.__init__, "__defaults__", (prefix,))
    return {"type": "redis", "url": request.getfixturevalue("redis_url"), "timeout": 1}


@pytest.fixture
def with_cache(serving, row, fake_upstream, config_beside):
    """Runs `main(client, vendor)` with a cache in front of a vendor."""

    def run(main, params=None, rows=None, modules=None, **config):
        litellm = {"cache": True, "cache_params": params or {"type": "local"}, **config.pop("litellm_settings", {})}
        path = config_beside(
            {"model_list": rows or [row(fake_upstream)], "litellm_settings": litellm, **config}, **(modules or {})
        )

        async def outer():
            async with serving(path) as client:
                return await main(client, fake_upstream)

        return asyncio.run(outer())

    return run


def asked(vendor):
    return len(vendor.requests)


def key_of(answer):
    return answer.headers.get("x-litellm-cache-key")


async def settled(client):
    """Wait until what is to be kept is kept."""
    store = client.app.serving.gateway.pipeline.cache.store
    while store._waiting or (store._writer is not None and not store._writer.done()):
        await asyncio.sleep(0.005)


def chunks_of(answer):
    return [json.loads(event.data) for event in SSEDecoder().feed(answer.body) if event.data != b"[DONE]"]


def text_of(chunks):
    return "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])


def test_the_same_question_is_asked_once(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(Answer.chat("one"), Answer.chat("two"))
        first = await client.chat()
        await settled(client)
        second = await client.chat()
        assert (first.status, second.status) == (200, 200)
        assert first.json() == second.json()
        assert asked(vendor) == 1
        assert key_of(first) is None
        assert key_of(second)
        assert second.headers["x-litellm-model-id"] == first.headers["x-litellm-model-id"]
        third = await client.chat(text="Something else")
        assert third.json()["choices"][0]["message"]["content"] == "two"

    with_cache(main, cache_params)


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.5},
        {"n": 2},
        {"vendor_only": 1},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_object"}},
        {"drop_params": True},
    ],
)
def test_whatever_can_change_the_answer_counts(with_cache, more):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        await client.chat()
        await client.chat(**more)
        await client.chat(**more)
        assert asked(vendor) == 2

    with_cache(main)


def test_the_order_of_messages_counts_and_that_of_members_does_not(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        one, two = {"role": "user", "content": "1"}, {"role": "user", "content": "2"}
        for body in (
            {"model": "m", "messages": [one, two], "top_p": 1},
            {"top_p": 1, "messages": [one, two], "model": "m"},
            {"model": "m", "messages": [{"content": "1", "role": "user"}, two], "top_p": 1, "seed": None},
            {"model": "m", "messages": [two, one], "top_p": 1},
        ):
            assert (await client.post("/v1/chat/completions", body)).status == 200
        assert asked(vendor) == 2

    with_cache(main)


def test_who_asks_for_it_and_how_it_is_told_do_not_count(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        for more in ({}, {"user": "u"}, {"metadata": {"a": 1}}, {"tags": ["x"]}, {"stream": True}, {"num_retries": 1}):
            assert (await client.chat(**more)).status == 200
        assert asked(vendor) == 1

    with_cache(main)


def test_a_stream_is_kept_whole_and_told_again_either_way(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(Answer.chat_stream("Hel", "lo ", "you"))
        first = await client.chat(stream=True)
        assert asked(vendor) == 1
        await settled(client)
        whole = await client.chat()
        streamed = await client.chat(stream=True, stream_options={"include_usage": True})
        bare = await client.chat(stream=True)
        assert asked(vendor) == 1
        assert whole.json()["choices"][0]["message"] == {"role": "assistant", "content": "Hello you"}
        assert whole.json()["object"] == "chat.completion"
        assert whole.json()["usage"]["total_tokens"] > 0
        for answer in (first, streamed, bare):
            assert text_of(chunks_of(answer)) == "Hello you"
            assert answer.body.endswith(b"data: [DONE]\n\n")
            assert {chunk["object"] for chunk in chunks_of(answer)} == {"chat.completion.chunk"}
            assert len({chunk["id"] for chunk in chunks_of(answer)}) == 1
        assert chunks_of(streamed)[-1]["usage"] == whole.json()["usage"]
        assert not any("usage" in chunk for chunk in chunks_of(bare))
        assert key_of(streamed) == key_of(whole)

    with_cache(main, cache_params)


def test_tool_calls_come_back_by_a_stream(with_cache):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    body = json.loads(Answer.chat().body)
    body["choices"][0] = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }

    async def main(client, vendor):
        vendor.answer(Answer.json(body))
        await client.chat()
        chunks = chunks_of(await client.chat(stream=True))
        deltas = [d for chunk in chunks for c in chunk["choices"] for d in c["delta"].get("tool_calls", ())]
        assert deltas == [{"index": 0, **call}]
        assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
        assert asked(vendor) == 1

    with_cache(main)


def test_a_long_stream_is_kept_too(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat_stream(*["x" * 1000] * 300))
        await client.chat(stream=True)
        await asyncio.sleep(0.3)
        answer = await client.chat()
        assert answer.json()["choices"][0]["message"]["content"] == "x" * 300_000
        assert asked(vendor) == 1

    with_cache(main)


@pytest.mark.parametrize(
    "bad",
    [
        Answer.error(500),
        Answer.error(429),
        Answer.chat().but(cut_at=20),
        Answer.text("<html>"),
    ],
)
def test_failures_are_not_kept(with_cache, bad):
    async def main(client, vendor):
        vendor.answer(bad)
        assert (await client.chat(num_retries=0)).status >= 400
        vendor.answer(Answer.chat("good"))
        answer = await client.chat(num_retries=0)
        assert answer.json()["choices"][0]["message"]["content"] == "good"
        assert key_of(answer) is None

    with_cache(main, router_settings={"disable_cooldowns": True})


def test_cut_streams_are_not_kept(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.sse(*chat_chunks({"content": "Hel"})[:1], done=False))
        cut = await client.chat(stream=True, num_retries=0)
        assert b"error" in cut.body
        vendor.answer(Answer.chat_stream("good"))
        assert text_of(chunks_of(await client.chat(stream=True))) == "good"
        assert text_of(chunks_of(await client.chat(stream=True))) == "good"

    with_cache(main, router_settings={"disable_cooldowns": True})


def test_a_stream_whose_client_leaves_is_not_kept(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat_stream(*"abcdefgh", pause=0.05))
        exchange = client.open_chat(stream=True)
        await exchange.piece()
        exchange.hang_up()
        await asyncio.sleep(0.2)
        vendor.answer(Answer.chat("fresh"))
        answer = await client.post(
            "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
        )
        assert answer.json()["choices"][0]["message"]["content"] == "fresh"

    with_cache(main)


def test_answers_of_fallbacks_are_not_the_models_own(with_cache, row, fake_upstream):
    async def main(client, vendor):
        def script(request):
            return Answer.error(500) if request.json()["model"] == "up-1" else Answer.chat("other")

        vendor.answer(script=script)
        assert (await client.chat("m")).json()["choices"][0]["message"]["content"] == "other"
        vendor.answer(Answer.chat("own"))
        assert (await client.chat("m")).json()["choices"][0]["message"]["content"] == "own"

    rows = [row(fake_upstream), row(fake_upstream, "other", model="openai_compatible/up-2")]
    router = {"fallbacks": [{"m": ["other"]}], "num_retries": 0, "disable_cooldowns": True}
    with_cache(main, rows=rows, router_settings=router)


# -- what requests ask for


def test_a_request_may_want_a_fresh_answer_or_leave_none(with_cache):
    async def main(client, vendor):
        vendor.answer(*(Answer.chat(str(number)) for number in range(9)))

        async def said(cache=None, **headers):
            more = {} if cache is None else {"cache": cache}
            answer = await client.chat(headers=headers or None, **more)
            return answer.json()["choices"][0]["message"]["content"]

        assert await said() == "0"
        assert await said({"no-cache": True}) == "1"  # and this is kept now
        assert await said() == "1"
        assert await said({"no-cache": True, "no-store": True}) == "2"
        assert await said(**{"cache-control": "no-cache, no-store"}) == "3"
        assert await said() == "1"
        assert await said({"use-cache": False}) == "4"
        assert await said({"namespace": "mine"}) == "5"
        assert await said({"namespace": "mine"}) == "5"
        await asyncio.sleep(0.05)
        assert await said({"s-maxage": 0.01}) == "6"
        assert await said({"s-maxage": 60}) == "6"
        assert await said(**{"cache-control": "max-age=60"}) == "6"
        assert await said(**{"cache-control": "s-maxage=0"}) == "7"

    with_cache(main)


def test_answers_have_an_end(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        await client.chat(cache={"ttl": 0.05})
        await settled(client)
        await client.chat()
        assert asked(vendor) == 1
        await asyncio.sleep(0.1)
        await client.chat(cache={"ttl": 0})
        await settled(client)
        await client.chat()
        assert asked(vendor) == 3

    with_cache(main, {**cache_params, "ttl": 600})


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("yes", "expected an object"),
        ({"ttl": "soon"}, "cache.ttl"),
        ({"ttl": -1}, "cache.ttl"),
        ({"no-cache": "yes"}, "cache.no-cache"),
        ({"namespace": "a:b"}, "cache.namespace"),
        ({"namespace": "\u00fc"}, "cache.namespace"),
        ({"nocache": True}, "nocache"),
    ],
)
def test_a_wish_that_is_none_is_told(with_cache, cache, said):
    async def main(client, vendor):
        answer = await client.chat(cache=cache)
        assert answer.status == 400
        assert said in answer.json()["error"]["message"]

    with_cache(main)


def test_only_those_who_ask_for_it(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        for _ in range(2):
            await client.chat()
        assert asked(vendor) == 2
        for _ in range(2):
            await client.chat(cache={"use-cache": True})
        assert asked(vendor) == 3

    with_cache(main, {"type": "local", "mode": "default_off"})


def test_only_the_kinds_that_are_named(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        for _ in range(2):
            await client.chat()
        assert asked(vendor) == 2

    with_cache(main, {"type": "local", "supported_call_types": ["aembedding", "atranscription"]})


# -- whose answers


WHO = """
from tianji_core.api.call import Principal

async def who(request, key):
    user, _, team = key.partition("@")
    roles = {"proxy_admin"} if user == "boss" else {"internal_user"}
    return Principal(user_id=user, key_hash="h" + user, team_id=team or None, roles=frozenset(roles))
"""


@pytest.mark.parametrize(("shared_by", "count"), [(None, 3), ("user", 4), ("team", 3), ("organization", 3), ("all", 1)])
def test_whose_answers(with_cache, shared_by, count):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        for key in ("ann", "bob", "cat@t", "dan@t", "ann"):
            assert (await client.chat(headers={"authorization": f"Bearer {key}"})).status == 200
        assert asked(vendor) == count

    params = {"type": "local", **({"shared_by": shared_by} if shared_by else {})}
    with_cache(main, params, modules={"who": WHO}, general_settings={"custom_auth": "who.who"})


def test_a_namespace_is_no_way_to_the_answers_of_others(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        answers = []
        for key in ("ann", "ann", "bob"):
            headers = {"authorization": f"Bearer {key}"}
            answers.append(await client.chat(headers=headers, cache={"namespace": "shared"}))
        assert asked(vendor) == 2
        assert key_of(answers[1]).startswith("shared:")

    with_cache(main, modules={"who": WHO}, general_settings={"custom_auth": "who.who"})


# -- other operations and dialects


def embedding_answer(request):
    given = request.json()["input"]
    texts = given if isinstance(given, list) else [given]
    data = [{"object": "embedding", "index": i, "embedding": [float(len(t)), 0.5]} for i, t in enumerate(texts)]
    tokens = sum(map(len, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Answer.json({"object": "list", "data": data, "model": "up", "usage": usage})


def test_embeddings_are_kept_one_by_one(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(script=embedding_answer)

        async def embed(given, **more):
            answer = await client.post("/v1/embeddings", {"model": "m", "input": given, **more})
            await settled(client)
            return answer

        first = (await embed(["a", "bb"])).json()
        again = await embed(["bb", "a"])
        assert [row["embedding"][0] for row in again.json()["data"]] == [2.0, 1.0]
        assert [row["index"] for row in again.json()["data"]] == [0, 1]
        assert again.json()["usage"]["prompt_tokens"] == first["usage"]["prompt_tokens"] == 3
        assert key_of(again)
        assert asked(vendor) == 1
        some = await embed(["ccc", "a", "dddd", "bb"])
        assert vendor.requests[-1].json()["input"] == ["ccc", "dddd"]
        assert [row["embedding"][0] for row in some.json()["data"]] == [3.0, 1.0, 4.0, 2.0]
        assert [row["index"] for row in some.json()["data"]] == [0, 1, 2, 3]
        assert some.json()["usage"]["prompt_tokens"] == 7  # what was used
        assert key_of(some) is None
        assert (await embed("ccc")).json()["data"][0]["embedding"] == [3.0, 0.5]
        assert asked(vendor) == 2
        await embed("ccc", dimensions=2)
        assert asked(vendor) == 3

    with_cache(main, cache_params)


def test_an_answer_that_is_none_for_each_input_is_not_kept(with_cache):
    async def main(client, vendor):
        vendor.answer(
            Answer.json(
                {"object": "list", "data": [{"object": "embedding", "index": 7, "embedding": [1]}], "model": "u"}
            )
        )
        for _ in range(2):
            assert (await client.post("/v1/embeddings", {"model": "m", "input": "a"})).status == 200
        assert asked(vendor) == 2

    with_cache(main)


def test_completions_and_rerank(with_cache):
    ranked = {
        "id": "r",
        "results": [{"index": 1, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 1}},
    }

    async def main(client, vendor):
        vendor.answer(Answer.chat("Hello"))
        for stream in (False, True, False):
            answer = await client.post("/v1/completions", {"model": "m", "prompt": "x", "stream": stream})
            assert b"Hello" in answer.body
            assert answer.body.endswith(b"[DONE]\n\n") is stream
        assert asked(vendor) == 1
        vendor.answer(Answer.json(ranked))
        for _ in range(2):
            answer = await client.post("/v1/rerank", {"model": "m", "query": "q", "documents": ["a", "b"]})
            assert answer.json()["results"] == ranked["results"]
        assert asked(vendor) == 2

    with_cache(main)


def test_other_dialects_have_it_in_theirs(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat("Hello"))
        said = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        first = await client.post("/v1/messages", said)
        again = await client.post("/v1/messages", said)
        streamed = await client.post("/v1/messages", {**said, "stream": True})
        assert asked(vendor) == 1
        assert first.json()["content"] == again.json()["content"]
        assert again.json()["content"][0]["text"] == "Hello"
        assert again.json()["usage"] == first.json()["usage"]
        kinds = [json.loads(e.data)["type"] for e in SSEDecoder().feed(streamed.body)]
        assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
        assert b'"Hello"' in streamed.body
        asking = {"model": "m", "input": "Hi", "store": False}
        first = await client.post("/v1/responses", asking)
        again = await client.post("/v1/responses", asking)
        streamed = await client.post("/v1/responses", {**asking, "stream": True})
        assert asked(vendor) == 2
        assert first.json()["output"][0]["content"][0]["text"] == "Hello"
        assert again.json()["output"][0]["content"] == first.json()["output"][0]["content"]
        assert b"response.completed" in streamed.body
        contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
        for _ in range(2):
            answer = await client.post("/v1beta/models/m:generateContent", contents)
            assert answer.json()["candidates"][0]["content"]["parts"] == [{"text": "Hello"}]
        assert asked(vendor) == 3

    with_cache(main)


NATIVE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "Hello"}],
    "usage": {"input_tokens": 5, "output_tokens": 7},
}  # fmt: skip
EVENTS = [
    {"type": "message_start", "message": {**NATIVE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("streams", [(False, True), (True, False), (True, True), (False, False)])
def test_a_vendor_that_speaks_the_dialect(with_cache, row, fake_upstream, streams):
    events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in EVENTS]

    async def main(client, vendor):
        vendor.answer(Answer.sse(*events, done=False) if streams[0] else Answer.json(NATIVE))
        said = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        for stream in streams:
            answer = await client.post("/v1/messages", {**said, "stream": stream})
            assert b"Hello" in answer.body
            if stream:
                kinds = [json.loads(e.data)["type"] for e in SSEDecoder().feed(answer.body)]
                assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
            else:
                assert [(part["type"], part["text"]) for part in answer.json()["content"]] == [("text", "Hello")]
                assert answer.json()["usage"]["output_tokens"] == 7
        assert asked(vendor) == 1
        await client.post("/v1/messages", {**said, "stream": streams[0], "vendor_only": 1})
        assert asked(vendor) == 2

    model = {"model": "anthropic/claude", "api_base": fake_upstream.url}
    rows = [{"model_name": "m", "litellm_params": {**model, "api_key": "sk"}}]
    with_cache(main, rows=rows)


def test_transcriptions_are_known_by_their_sound(with_cache, form_of):
    async def main(client, vendor):
        vendor.answer(Answer.json({"text": "Hello"}))
        for data, count in ((b"RIFF1", 1), (b"RIFF1", 1), (b"RIFF2", 2)):
            content, headers = form_of({"model": "m"}, {"file": ("a.wav", "audio/wav", data)})
            answer = await client.post("/v1/audio/transcriptions", content=content, headers=headers)
            assert answer.json()["text"] == "Hello"
            assert asked(vendor) == count

    with_cache(main)


@pytest.fixture
def form_of():
    def make(fields, files):
        boundary = "xyz"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()
        ]
        data = "".join(parts).encode()
        for name, (filename, kind, content) in files.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            data += head.encode() + f"Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
        return data + f"--{boundary}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={boundary}"}

    return make


# -- guardrails, records


GUARD = """
from tianji_core.api.guardrail import Allow, Block, Guardrail, Rewrite

class Guard(Guardrail):
    stages = frozenset({"pre_call", "post_call"})
    seen = []

    def __init__(self, settings):
        pass

    async def check(self, stage, payload):
        Guard.seen.append(stage)
        if stage == "pre_call":
            messages = payload.request["messages"]
            if "secret" in messages[0]["content"]:
                return Rewrite({**payload.request, "messages": [{"role": "user", "content": "hidden"}]})
            return Allow()
        text = payload.response["choices"][0]["message"]["content"]
        if text == "bad":
            return Block("No.")
        if text == "soft":
            choice = payload.response["choices"][0]
            changed = {**choice, "message": {**choice["message"], "content": "softer"}}
            return Rewrite({**payload.response, "choices": [changed]})
        return Allow()
"""
GUARDED = {
    "guardrails": [
        {
            "guardrail_name": "g",
            "litellm_params": {"guardrail": "my_guard.Guard", "mode": ["pre_call", "post_call"], "default_on": True},
        }
    ]
}


def test_guardrails_judge_what_was_kept(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat("soft"))
        for stream in (False, True, False, True):
            assert b"softer" in (await client.chat(stream=stream)).body
        assert asked(vendor) == 1
        # The key is that of the request as it goes out.
        await client.chat(text="my secret is 1")
        await client.chat(text="my secret is 2")
        assert asked(vendor) == 2
        vendor.answer(Answer.chat("bad"), Answer.chat("good"))
        assert (await client.chat(text="other")).status == 400
        assert b"good" in (await client.chat(text="other")).body  # what was blocked is not kept

    with_cache(main, modules={"my_guard": GUARD}, **GUARDED)


def test_what_records_say(with_cache, row, fake_upstream):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        for stream in (False, False, True):
            answer = await client.chat(stream=stream)
        await client.chat(text="other", cache={"use-cache": False})
        await asyncio.sleep(0.05)
        callbacks = client.app.serving.gateway.pipeline.callbacks
        return answer, callbacks

    records = []
    import tianji_core.gateway.recording as recording

    make = recording.make_record

    def noted(call, error, **named):
        record = make(call, error, **named)
        records.append(record)
        return record

    recording.make_record = noted
    try:
        rows = [row(fake_upstream, input_cost_per_token=0.01, output_cost_per_token=0.02)]
        callbacks = {"callbacks": ["remember.remember"]}
        with_cache(main, rows=rows, modules={"remember": REMEMBER}, litellm_settings=callbacks)
    finally:
        recording.make_record = make
    from tianji_core.api.standard_payload import standard_payload

    asked, hit, streamed, without = records
    assert [r.cache_hit for r in records] == [False, True, True, False]
    assert asked.cache_key == hit.cache_key == streamed.cache_key is not None
    assert without.cache_key is None
    assert dict(hit.usage) == dict(asked.usage) == dict(streamed.usage)
    assert hit.attempts == ()
    assert (hit.cost, streamed.cost) == (0, 0)
    assert hit.saved_cost == streamed.saved_cost == asked.cost > 0
    assert asked.saved_cost is None
    assert (hit.provider, hit.upstream_model) == (asked.provider, asked.upstream_model)
    assert hit.response["choices"] == asked.response["choices"]
    assert streamed.response["choices"][0]["message"]["content"] == "Hello!"
    assert [standard_payload(r)["cache_hit"] for r in records] == [False, True, True, None]
    assert standard_payload(hit)["cache_key"] == hit.cache_key


# -- one call for many


def test_equal_requests_at_once_are_asked_once(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat("once").but(delay=0.15))
        answers = await asyncio.gather(*(client.chat() for _ in range(20)))
        assert {a.json()["choices"][0]["message"]["content"] for a in answers} == {"once"}
        assert asked(vendor) == 1
        assert sum(key_of(a) is not None for a in answers) == 19

    with_cache(main, {"type": "local", "coalesce": True})


def test_a_leader_that_fails_takes_nobody_along(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.error(400).but(delay=0.1), Answer.chat("good"))
        answers = await asyncio.gather(*(client.chat(num_retries=0) for _ in range(3)))
        assert sorted(a.status for a in answers) == [200, 200, 400]

    with_cache(main, {"type": "local", "coalesce": True})


def test_a_leader_that_leaves_takes_nobody_along(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat("slow").but(delay=5), Answer.chat("good"))
        leader = client.open_chat()
        await vendor.wait_request()
        follower = asyncio.create_task(client.chat())
        await asyncio.sleep(0.05)
        leader.hang_up()
        answer = await asyncio.wait_for(follower, 2)
        assert answer.json()["choices"][0]["message"]["content"] == "good"

    with_cache(main, {"type": "local", "coalesce": True})


def test_a_follower_in_a_hurry_goes_alone(with_cache):
    async def main(client, vendor):
        vendor.answer(Answer.chat("slow").but(delay=0.5), Answer.chat("quick"))
        leader = asyncio.create_task(client.chat())
        await vendor.wait_request()
        answer = await client.chat(timeout=0.1, num_retries=0)
        assert answer.status in (200, 408)
        assert (await leader).json()["choices"][0]["message"]["content"] == "slow"

    with_cache(main, {"type": "local", "coalesce": True})


# -- faults


@pytest.mark.parametrize("fault", ["hang", "kill"])
def test_redis_away_fails_nobody(with_cache, own_redis, fault):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        await client.chat()
        await settled(client)
        assert key_of(await client.chat())
        getattr(own_redis, fault)()
        loop = asyncio.get_running_loop()
        slowest = 0.0
        for number in range(30):
            begin = loop.time()
            assert (await client.chat(text=str(number % 3))).status == 200
            slowest = max(slowest, loop.time() - begin)
        assert slowest < 0.25
        begin = loop.time()
        answers = await asyncio.gather(*(client.chat(text=f"x{number}") for number in range(50)))
        assert {a.status for a in answers} == {200}
        assert loop.time() - begin < 1.0
        if fault == "hang":
            own_redis.go_on()
        else:
            own_redis.start()
        for _ in range(500):
            if client.app.serving.gateway.pipeline.cache.store.cache.link.up:
                break
            await asyncio.sleep(0.01)
        await client.chat(text="back")
        await settled(client)
        assert key_of(await client.chat(text="back"))

    with_cache(main, {"type": "redis", "url": own_redis.url})


CACHES = """
import asyncio
from tianji_core.api.cache import Cache

class Broken(Cache):
    def __init__(self, settings): pass
    async def get(self, key): raise RuntimeError("broken")
    async def set(self, key, value, ttl=None): raise RuntimeError("broken")
    async def delete(self, keys): raise RuntimeError("broken")
    async def clear(self): raise RuntimeError("broken")

class Slow(Broken):
    async def get(self, key): await asyncio.sleep(60)
    async def set(self, key, value, ttl=None): await asyncio.sleep(60)
"""


@pytest.mark.parametrize("name", ["Broken", "Slow"])
def test_a_cache_that_fails_or_is_slow_is_a_miss(with_cache, name, monkeypatch):
    monkeypatch.setattr("tianji_core.gateway.cache.guarded.WRITE_WITHIN", 0.1)

    async def main(client, vendor):
        vendor.answer(Answer.chat())
        begin = asyncio.get_running_loop().time()
        for _ in range(20):
            assert (await client.chat()).status == 200
        assert asyncio.get_running_loop().time() - begin < 1
        assert asked(vendor) == 20

    with_cache(main, {"type": f"my_cache.{name}", "timeout": 0.05}, modules={"my_cache": CACHES})


# -- administrators, reload, config


def test_what_administrators_do(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        admin, user = ({"authorization": f"Bearer {key}"} for key in ("boss", "ann"))
        for path, method in (
            ("ping", "GET"), ("delete", "POST"), ("flushall", "POST"), ("redis/info", "GET"), ("settings", "GET"),
        ):  # fmt: skip
            assert (await client.request(method, f"/cache/{path}", json={}, headers=user)).status == 403
        assert (await client.get("/cache/ping", headers=admin)).json()["status"] == "healthy"
        await client.chat(headers=user)
        await settled(client)
        key = key_of(await client.chat(headers=user))
        deleted = await client.post("/cache/delete", {"keys": [key, "none"]}, headers=admin)
        assert deleted.json() == {"status": "success", "deleted": 1}
        await client.chat(headers=user)
        assert asked(vendor) == 2
        await settled(client)
        assert (await client.post("/cache/flushall", headers=admin)).json() == {"status": "success", "deleted": 1}
        await client.chat(headers=user)
        assert asked(vendor) == 3
        assert (await client.get("/cache/redis/info", headers=admin)).json()["info"]
        shown = (await client.get("/cache/settings", headers=admin)).json()
        assert shown["cache_type"] == cache_params["type"]
        assert "redis://" not in json.dumps(shown)
        assert (await client.post("/cache/delete", {"keys": "x"}, headers=admin)).status == 400

    with_cache(main, cache_params, modules={"who": WHO}, general_settings={"custom_auth": "who.who"})


def test_without_a_cache(serving, config_beside):
    async def main():
        path = config_beside({"general_settings": {"custom_auth": "who.who"}}, who=WHO)
        async with serving(path) as client:
            answer = await client.get("/cache/ping", headers={"authorization": "Bearer boss"})
            assert (answer.status, answer.json()["error"]["type"]) == (404, "cache_ping_error")

    asyncio.run(main())


def test_a_reload_keeps_what_was_kept(with_cache, cache_params):
    async def main(client, vendor):
        vendor.answer(Answer.chat())
        await client.chat()
        await client.app.reload()
        await asyncio.sleep(0.1)
        assert key_of(await client.chat())
        assert asked(vendor) == 1

    with_cache(main, cache_params)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "no Redis is named"),
        ({"url": "http://u:canary@h"}, "cache_params: url begins with neither"),
        ({"service_name": "m"}, "needs sentinel_nodes"),
        ({"type": "nothing"}, 'cache "nothing"'),
        ({"type": "local", "mode": "sometimes"}, "mode"),
        ({"type": "local", "shared_by": "nobody"}, "shared_by"),
    ],
)
def test_what_makes_no_sense(params, said):
    with pytest.raises(ConfigError) as caught:
        Gateway.from_config({"litellm_settings": {"cache": True, "cache_params": params}})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
