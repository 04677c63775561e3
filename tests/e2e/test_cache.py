"""OpenAI's own client against two replicas with one cache in Redis: real processes, one of each server."""

from __future__ import annotations

import json
import time

import httpx
import openai
import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.server import ServerProcess

KEY = "sk-e2e-0123456789abcdefghij"
HI = [{"role": "user", "content": "hello"}]


def vendor(request):
    body = request.json()
    if request.path.endswith("/embeddings"):
        data = [
            {"object": "embedding", "index": i, "embedding": [float(len(t)), 0.5]} for i, t in enumerate(body["input"])
        ]
        return Answer.json(
            {"object": "list", "model": "u", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
        )
    return Answer.chat_stream("Hello ", "there") if body.get("stream") else Answer.chat("Hello there")


@pytest.fixture
def replicas(own_redis, tmp_path):
    with FakeUpstream(script=vendor) as upstream:
        config = {
            "model_list": [
                {
                    "model_name": "m",
                    "litellm_params": {"model": "openai/gpt-x", "api_base": upstream.base, "api_key": "sk-up"},
                }
            ],
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"cache": True, "cache_params": {"type": "redis", "url": own_redis.url, "ttl": 60}},
        }
        servers = [
            ServerProcess(config, tmp_path / kind, ["--server", kind]).start() for kind in ("uvicorn", "hypercorn")
        ]
        clients = [openai.OpenAI(base_url=f"{s.url}/v1", api_key=KEY, max_retries=0, timeout=10) for s in servers]
        yield clients, upstream
        for client in clients:
            client.close()
        for server in servers:
            assert server.stop() == 0
            assert "Traceback" not in server.log()


def test_what_one_replica_has_asked_the_other_knows(replicas, own_redis):
    (one, other), upstream = replicas
    first = one.chat.completions.with_raw_response.create(model="m", messages=HI)
    second = other.chat.completions.with_raw_response.create(model="m", messages=HI)
    assert first.parse() == second.parse()
    assert "x-litellm-cache-key" not in first.headers
    assert len(second.headers["x-litellm-cache-key"]) == 64
    chunks = list(
        other.chat.completions.create(model="m", messages=HI, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there"
    assert chunks[-1].usage == first.parse().usage
    assert len(upstream.requests) == 1
    streamed = [{"role": "user", "content": "stream"}]
    with one.chat.completions.stream(model="m", messages=streamed) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Hello there"
    with other.chat.completions.stream(model="m", messages=streamed) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Hello there"
    assert other.chat.completions.create(model="m", messages=streamed).choices[0].message.content == "Hello there"
    assert len(upstream.requests) == 2
    one.embeddings.create(model="m", input=["a", "bb"])
    time.sleep(0.2)  # it is stored beside the answer
    data = other.embeddings.create(model="m", input=["bb", "ccc"]).data
    assert [round(row.embedding[0]) for row in data] == [2, 3]
    assert upstream.requests[-1].json()["input"] == ["ccc"]
    fresh = one.chat.completions.create(model="m", messages=HI, extra_body={"cache": {"no-cache": True}})
    assert fresh.id
    assert len(upstream.requests) == 5
    told = httpx.post(
        f"{str(one.base_url).removesuffix('/v1/')}/cache/flushall", headers={"authorization": f"Bearer {KEY}"}
    )
    assert json.loads(told.content)["deleted"] == 5
    other.chat.completions.create(model="m", messages=HI)
    assert len(upstream.requests) == 6
    own_redis.hang()
    for number in range(20):
        (one, other)[number % 2].chat.completions.create(model="m", messages=HI)
    own_redis.kill()
    one.chat.completions.create(model="m", messages=HI)
