"""`/utils/token_counter` and `/utils/transform_request`."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
ADMIN = {"authorization": f"Bearer {KEY}"}
CANARY = "c4n4ry-0123456789"
HI = [{"role": "user", "content": "Hello there, how are you?"}]
TOLD = {
    "total_tokens",
    "request_model",
    "model_used",
    "tokenizer_type",
    "count_source",
    "original_response",
    "error",
    "error_message",
    "status_code",
}


@pytest.fixture
def post(serving):
    def run(path, body, rows=(), query="", headers=ADMIN, **config):
        given = {"model_list": list(rows), "general_settings": {"master_key": KEY}, **config}

        async def main():
            async with serving(given) as client:
                return await client.post(path, body, query=query, headers=headers)

        return asyncio.run(main())

    return run


def deployment(name, model, **params):
    return {"model_name": name, "litellm_params": {"model": model, **params}}


# -- tokens ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [("openai/gpt-4o", "openai_tokenizer"), ("groq/llama-3.1-8b-instant", "huggingface_tokenizer")],
)
def test_tokens_are_counted_here(post, model, tokenizer):
    rows = [deployment("m", model, api_key="k")]
    answer = post("/utils/token_counter", {"model": "m", "messages": HI}, rows)
    assert answer.status == 200, answer.body
    told = answer.json()
    assert set(told) == TOLD
    assert 8 <= told["total_tokens"] <= 20
    assert (told["request_model"], told["model_used"]) == ("m", model.partition("/")[2])
    assert (told["tokenizer_type"], told["count_source"], told["error"]) == (tokenizer, "local_estimate", False)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": HI},
        {"prompt": HI[0]["content"]},
        {"contents": [{"role": "user", "parts": [{"text": HI[0]["content"]}]}]},
        {
            "messages": [{"role": "user", "content": [{"type": "text", "text": HI[0]["content"]}]}],
            "system": "Be terse.",
        },
    ],
)
def test_every_form_of_a_prompt(post, body):
    answer = post("/utils/token_counter", {"model": "m", **body}, [deployment("m", "openai/gpt-4o", api_key="k")])
    assert answer.status == 200, answer.body
    assert 7 <= answer.json()["total_tokens"] <= 25


def test_tools_count_too(post):
    rows = [deployment("m", "openai/gpt-4o", api_key="k")]
    tool = {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city " * 5}}
    plain = post("/utils/token_counter", {"model": "m", "messages": HI}, rows).json()["total_tokens"]
    more = post("/utils/token_counter", {"model": "m", "messages": HI, "tools": [tool]}, rows).json()["total_tokens"]
    assert more > plain + 20


def test_a_model_that_nobody_serves_is_counted_by_its_name(post):
    told = post("/utils/token_counter", {"model": "gpt-4o", "prompt": "Hello"}).json()
    assert (told["model_used"], told["tokenizer_type"]) == ("gpt-4o", "openai_tokenizer")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m"},
        {"messages": HI},
        {"model": 5, "messages": HI},
        {"model": "m", "messages": "Hi"},
        {"model": "m", "messages": HI, "api_base": "x"},
        [],
    ],
)
def test_what_cannot_be_counted(post, body):
    rows = [deployment("m", "openai/gpt-4o", api_key="k")]
    answer = post("/utils/token_counter", body, rows)
    if isinstance(body, dict) and "api_base" in body:
        assert answer.status == 200  # no member of a call: it is not looked at
        return
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


CLAUDES = {
    "anthropic": {"model": "anthropic/claude-sonnet-4-5", "api_key": "k"},
    "bedrock": {"model": "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", "api_key": "k"},
    "vertex_ai": {"model": "vertex_ai/claude-sonnet-4-5", "api_key": "k", "vertex_project": "p"},
    "azure_ai": {"model": "azure_ai/claude-sonnet-4-5", "api_key": "k"},
}


@pytest.mark.parametrize("host", CLAUDES)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_vendor_is_asked_if_it_shall_be(post, fake_upstream, host, dialect):
    counted = {"inputTokens": 42} if host == "bedrock" else {"input_tokens": 42}
    fake_upstream.answer(Answer.json(counted))
    address = {"aws_bedrock_runtime_endpoint" if host == "bedrock" else "api_base": fake_upstream.url}
    rows = [deployment("m", **CLAUDES[host], **address)]
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    body = {"model": "m", "messages": HI, "tools": [tool]}
    if dialect == "openai":
        function = {"name": "f", "parameters": tool["input_schema"]}
        system = {"role": "system", "content": "Be terse."}
        body = {"model": "m", "messages": [system, *HI], "tools": [{"type": "function", "function": function}]}
    told = post("/utils/token_counter", body, rows, query="call_endpoint=true").json()
    assert (told["total_tokens"], told["count_source"]) == (42, "provider")
    assert told["tokenizer_type"] == f"{host}_api"
    assert told["original_response"] == counted
    sent = fake_upstream.requests[0]
    assert "count" in sent.target
    assert b"max_tokens" not in sent.body
    assert post("/utils/token_counter", body, rows).json()["count_source"] == "local_estimate"
    assert len(fake_upstream.requests) == 1


def test_a_vendor_that_fails_to_count(post, fake_upstream):
    fake_upstream.answer(Answer.error(500))
    rows = [deployment("m", **CLAUDES["anthropic"], api_base=fake_upstream.url)]
    told = post("/utils/token_counter", {"model": "m", "messages": HI}, rows, query="call_endpoint=true").json()
    assert told["count_source"] == "local_estimate"


def test_counting_needs_a_key(post):
    assert post("/utils/token_counter", {"model": "m", "messages": HI}, headers={}).status == 401


# -- requests ----------------------------------------------------------------------------------------------------------


def shown(post, call_type, body, *rows):
    answer = post("/utils/transform_request", {"call_type": call_type, "request_body": body}, rows)
    assert answer.status == 200, answer.body
    told = answer.json()
    assert set(told) == {"raw_request_api_base", "raw_request_body", "raw_request_headers"}
    return told


def test_the_request_to_an_openai_shaped_vendor(post):
    row = deployment("m", "openai/gpt-4o", api_key=f"sk-{CANARY}", api_base="https://up.test/v1", temperature=0.5)
    told = shown(post, "completion", {"model": "m", "messages": HI, "max_tokens": 5, "num_retries": 3}, row)
    assert told["raw_request_api_base"] == "https://up.test/v1/chat/completions"
    assert told["raw_request_body"] == {"model": "gpt-4o", "messages": HI, "max_tokens": 5, "temperature": 0.5}
    assert told["raw_request_headers"] == {"content-type": "application/json", "authorization": "***"}


@pytest.mark.parametrize("call_type", ["acompletion", "completion", "anthropic_messages", "responses", "aresponses"])
@pytest.mark.parametrize(
    "model",
    ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "openai/gpt-4o", "bedrock/us.amazon.nova-lite-v1:0"],
)
def test_the_request_of_every_dialect(post, call_type, model):
    body = {"messages": HI, "max_tokens": 9} if "responses" not in call_type else {"input": "Hello there"}
    told = shown(post, call_type, {"model": "m", **body}, deployment("m", model, api_key=CANARY))
    assert told["raw_request_api_base"].startswith("https://")
    assert "Hello there" in json.dumps(told["raw_request_body"])
    assert CANARY not in json.dumps(told)


@pytest.mark.parametrize(
    ("call_type", "body", "model"),
    [
        ("aembedding", {"input": "x"}, "openai/text-embedding-3-small"),
        ("text_completion", {"prompt": "x"}, "openai/gpt-4o"),
        ("moderation", {"input": "x"}, "openai/omni-moderation-latest"),
        ("image_generation", {"prompt": "x"}, "openai/dall-e-3"),
        ("aspeech", {"input": "x", "voice": "alloy"}, "openai/tts-1"),
        ("arerank", {"query": "x", "documents": ["a"]}, "cohere/rerank-v3.5"),
    ],
)
def test_the_request_of_other_operations(post, call_type, body, model):
    told = shown(post, call_type, {"model": "m", **body}, deployment("m", model, api_key="k"))
    assert told["raw_request_body"]["model"] == model.partition("/")[2]


def test_no_credential_is_shown(post):
    hidden = {
        "api_key": CANARY,
        "api_base": f"https://user:{CANARY}@up.test/v1?key={CANARY}",
        "extra_headers": {"x-gate": CANARY, "x-team": "blue"},
        "extra_body": {"tenant": CANARY, "deep": {"password": "short1"}, "list": [CANARY]},
    }
    row = deployment("m", "openai_compatible/up", **hidden)
    told = shown(post, "completion", {"model": "m", "messages": HI}, row)
    text = json.dumps(told)
    assert CANARY not in text
    assert "short1" not in text
    assert "blue" not in text
    assert told["raw_request_body"]["messages"] == HI
    for model in ("anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "azure/gpt-4o", "cohere/command-a-03-2025"):
        base = {"api_base": "https://up.test"} if model.startswith("azure") else {}
        row = deployment("m", model, api_key=CANARY, extra_body={"tenant": CANARY}, **base)
        assert CANARY not in json.dumps(shown(post, "completion", {"model": "m", "messages": HI}, row)), model


def test_nothing_is_sent(post, fake_upstream):
    shown(
        post,
        "completion",
        {"model": "m", "messages": HI},
        deployment("m", "openai/x", api_base=fake_upstream.base, api_key="k"),
    )
    assert fake_upstream.requests == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"call_type": "completion", "request_body": {"model": "none", "messages": HI}}, 400),
        ({"call_type": "completion", "request_body": {"model": "m"}}, 400),
        ({"call_type": "completion", "request_body": {"model": "m", "messages": HI, "api_base": "http://x"}}, 401),
        (
            {"call_type": "completion", "request_body": {"model": "m", "messages": HI, "vertex_credentials": "/x"}},
            401,
        ),
        ({"call_type": "transcription", "request_body": {"model": "m", "file": "/etc/passwd"}}, 400),
        ({"call_type": "completion", "request_body": {"model": "mock", "messages": HI}}, 400),
        ({"call_type": "completion", "request_body": {"model": "echo", "messages": HI}}, 400),
        ({"call_type": "completion"}, 400),
        ({"request_body": {"model": "m", "messages": HI}}, 400),
        ({"call_type": "completion", "request_body": []}, 400),
    ],
)
def test_what_cannot_be_shown(post, body, status):
    rows = [
        deployment("m", "openai/gpt-4o", api_key="k"),
        deployment("mock", "openai/gpt-4o", mock_response="Hi"),
        deployment("echo", "echo/echo-1"),
    ]
    answer = post("/utils/transform_request", body, rows)
    assert answer.status == status, answer.body
    assert answer.error["message"]


def test_requests_are_shown_to_admins_only(post, config_beside, serving):
    source = """
        from tianji_core.api.call import Principal

        async def user(request, key):
            return Principal(user_id="u")
    """
    rows = [deployment("m", "openai/gpt-4o", api_key="k")]
    path = config_beside({"model_list": rows, "general_settings": {"custom_auth": "my_auth.user"}}, my_auth=source)

    async def main():
        async with serving(path) as client:
            body = {"call_type": "completion", "request_body": {"model": "m", "messages": HI}}
            return await client.post("/utils/transform_request", body, headers={"authorization": "Bearer k"})

    assert asyncio.run(main()).status == 403
    assert post("/utils/transform_request", {}, headers={}).status == 401
