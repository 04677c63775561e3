"""The same gateway without a server: `Gateway.from_config`."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.api.errors import (
    APIConnectionError,
    BadRequestError,
    GatewayError,
    RateLimitError,
    RequestTimeoutError,
)
from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import USAGE, chat_chunks

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def inside(tianji_gateway, fake_upstream, row):
    """Runs `work(gateway)` against these answers."""

    def run(work, *answers, **config):
        fake_upstream.answer(*answers)
        base = {"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}}

        async def main():
            async with tianji_gateway({**base, **config}) as gateway:
                found = await work(gateway)
                assert gateway.pipeline.limits.in_flight == 0
                return found

        return asyncio.run(main())

    return run


def test_chat_completions_embeddings(inside, fake_upstream):
    async def work(gateway):
        chat = await gateway.chat(model="m", messages=MESSAGES, temperature=0)
        completion = await gateway.completions(model="m", prompt="x")
        embedding = await gateway.embeddings(model="m", input="x")
        return chat, completion, embedding

    vector = {"object": "list", "model": "up-1", "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}]}
    chat, completion, embedding = inside(work, Answer.chat("a"), Answer.chat("b"), Answer.json(vector))
    assert chat["choices"][0]["message"]["content"] == "a"
    assert chat["model"] == "m"
    assert completion["choices"][0]["text"] == "b"
    assert embedding["data"][0]["embedding"] == [1.0]
    assert fake_upstream.requests[0].json()["temperature"] == 0


def test_stream(inside):
    async def work(gateway):
        return [chunk async for chunk in gateway.stream(model="m", messages=MESSAGES)]

    chunks = inside(work, Answer.chat_stream("a", "b"))
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "ab"
    assert all("usage" not in c for c in chunks)


def test_stream_with_usage_and_of_completions(inside):
    async def work(gateway):
        options = {"stream_options": {"include_usage": True}}
        chat = [chunk async for chunk in gateway.stream(model="m", messages=MESSAGES, **options)]
        text = [chunk async for chunk in gateway.stream("completions", model="m", prompt="x")]
        return chat, text

    chat, text = inside(work, Answer.chat_stream("a"))
    assert chat[-1]["usage"] == USAGE
    assert "".join(c["choices"][0]["text"] for c in text) == "a"


def test_a_stream_that_breaks_raises_between_chunks(inside):
    async def work(gateway):
        seen = []

        async def read():
            async for chunk in gateway.stream(model="m", messages=MESSAGES):
                seen.append(chunk)  # noqa: PERF401 - what came before the failure counts

        with pytest.raises(APIConnectionError):
            await read()
        return seen

    assert len(inside(work, Answer.sse(*chat_chunks({"content": "a"})[:2], done=False))) == 2


def test_a_stream_left_early_ends_the_upstream_call(inside, fake_upstream):
    async def work(gateway):
        stream = gateway.stream(model="m", messages=MESSAGES)
        async for _ in stream:
            break
        await stream.aclose()
        await fake_upstream.wait_disconnect()

    inside(work, Answer.sse(*chat_chunks({"content": "a"})[:2], 10.0))


def test_errors(inside):
    async def work(gateway):
        found = []
        for body in (
            {"model": "m", "messages": MESSAGES},
            {"model": "nope", "messages": MESSAGES},
            {"model": "m"},
            {"model": "m", "messages": "x"},
            {"model": "m", "messages": MESSAGES, "api_base": "http://x"},
            {"model": "m", "messages": MESSAGES, "timeout": 0.1},
        ):
            with pytest.raises(GatewayError) as raised:
                await gateway.chat(**body)
            found.append(raised.value)
        return found

    limited, unknown, missing, wrong, refused, late = inside(work, Answer.error(429, retry_after="3"), Answer.never())
    assert isinstance(limited, RateLimitError)
    assert limited.retry_after == 3
    assert {type(e) for e in (unknown, missing, wrong)} == {BadRequestError}
    assert refused.http_status == 401
    assert isinstance(late, RequestTimeoutError)


def test_a_cancelled_call_is_given_back(inside, fake_upstream):
    async def work(gateway):
        task = asyncio.create_task(gateway.chat(model="m", messages=MESSAGES))
        await fake_upstream.wait_request()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fake_upstream.wait_disconnect()

    inside(work, Answer.never())


def test_many_at_once(inside, fake_upstream):
    async def work(gateway):
        return await asyncio.gather(*(gateway.chat(model="m", messages=MESSAGES) for _ in range(100)))

    assert len(inside(work, Answer.chat())) == 100
    assert len(fake_upstream.requests) == 100


def test_the_same_body_object_is_not_changed(inside):
    body = {"model": "m", "messages": MESSAGES, "metadata": {"a": 1}, "extra_body": {"b": 2}}
    before = {**body}

    async def work(gateway):
        await gateway.chat(**body)

    inside(work, Answer.chat())
    assert body == before


def test_master_keys_do_not_matter_in_process(inside):
    async def work(gateway):
        return await gateway.chat(model="m", messages=MESSAGES)

    inside(work, Answer.chat(), general_settings={"master_key": "sk-0123456789abcdefgh"})


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_list": [{"model_name": "x", "litellm_params": {"model": "no-such-vendor/y"}}]},
        {"model_list": [{"model_name": "x", "litellm_params": {"model": "bare-name"}}]},
        {"model_list": [{"model_name": "x", "litellm_params": {"model": "openai_compatible/y"}}]},
        {"model_list": [], "router_settings": {"routing_strategy": "no-such-strategy"}},
        {"model_list": [], "plugins": ["no-such-plugin"]},
    ],
)
def test_configs_that_cannot_work(config):
    with pytest.raises(ConfigError):
        Gateway.from_config(config)


def test_all_problems_are_told_at_once(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "model_list:\n"
        "  - model_name: a\n"
        "    litellm_params:\n"
        "      model: no-such-vendor/y\n"
        "  - model_name: b\n"
        "    litellm_params:\n"
        "      model: openai_compatible/y\n"
        "litellm_settings:\n"
        "  callbacks: [missing.thing]\n"
    )
    with pytest.raises(ConfigError) as raised:
        Gateway.from_config(path)
    text = str(raised.value)
    for place in ("config.yaml:4", "config.yaml:6", "config.yaml:9"):
        assert place in text, text


def test_mock_responses(inside):
    rows = [
        {
            "model_name": "m",
            "litellm_params": {
                "model": "openai_compatible/x",
                "api_base": "http://127.0.0.1:1",
                "mock_response": "canned words",
            },
        },
        {
            "model_name": "e",
            "litellm_params": {
                "model": "openai_compatible/x",
                "api_base": "http://127.0.0.1:1",
                "mock_response": "litellm.RateLimitError",
            },
        },
    ]

    async def work(gateway):
        with pytest.raises(RateLimitError):
            await gateway.chat(model="e", messages=MESSAGES)
        whole = await gateway.chat(model="m", messages=MESSAGES)
        stream = [chunk async for chunk in gateway.stream(model="m", messages=MESSAGES)]
        text = await gateway.completions(model="m", prompt="x")
        vector = await gateway.embeddings(model="m", input="x")
        return whole, stream, text, vector

    whole, stream, text, vector = inside(work, model_list=rows)
    assert whole["choices"][0]["message"]["content"] == "canned words"
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in stream) == "canned words"
    assert text["choices"][0]["text"] == "canned words"
    assert len(vector["data"][0]["embedding"]) == 1536
