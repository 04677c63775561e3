"""From the client's body to the vendor's: what goes on, what stays, what is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer


@pytest.fixture
def ask(serving, fake_upstream, row):
    """Sends a chat with these members; returns the answer and what the vendor got (None if nothing)."""

    def run(members, *, settings=None, operation="chat", headers=None, **params):
        fake_upstream.answer(Answer.chat_stream() if members.get("stream") else Answer.chat())
        config = {"model_list": [row(fake_upstream, **params)], "litellm_settings": settings or {}}
        path = {"chat": "/v1/chat/completions", "embeddings": "/v1/embeddings"}[operation]
        base = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
        if operation == "embeddings":
            base = {"model": "m", "input": ["a"]}

        async def main():
            async with serving(config) as client:
                return await client.post(path, {**base, **members}, headers=headers)

        answer = asyncio.run(main())
        return answer, fake_upstream.requests[-1].json() if fake_upstream.requests else None

    return run


def test_openai_parameters_and_the_vendors_own_go_on(ask):
    members = {
        "temperature": 0.5,
        "max_tokens": 5,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "seed": 18446744073709551615,
        "stop": ["a"],
        "top_k": 7,
        "x_vendor": {"deep": [1]},
        "user": "u",
    }
    answer, got = ask(members)
    assert answer.status == 200
    assert got == {"model": "up-1", "messages": [{"role": "user", "content": "Hi"}], **members}


def test_members_for_the_gateway_stay_here(ask):
    members = {
        "metadata": {"tags": ["a"]},
        "litellm_metadata": {"x": 1},
        "tags": ["b"],
        "fallbacks": [],
        "num_retries": 0,
        "timeout": 5,
        "cache": {"no-cache": True},
        "guardrails": [],
        "mock_response": "not from here",
        "callbacks": ["x"],
        "input_cost_per_token": 0,
        "litellm_trace_id": "t",
        "no-log": True,
        "priority": 1,
        "drop_params": True,
        "allowed_openai_params": ["x"],
        "extra_headers": {"x-evil": "1"},
        "headers": {"x-evil": "1"},
    }
    answer, got = ask(members)
    assert answer.status == 200
    assert set(got) == {"model", "messages"}


def test_extra_body_is_put_in(ask):
    answer, got = ask({"extra_body": {"top_k": 3, "tags": ["mine"], "model": "other"}})
    assert answer.status == 200
    assert got["top_k"] == 3
    assert got["model"] == "up-1"
    assert not {"tags", "extra_body"} & set(got)


@pytest.mark.parametrize(
    "members",
    [
        {"api_base": "http://evil.test"},
        {"base_url": "http://evil.test"},
        {"api_key": "sk-other"},
        {"api_key": None},
        {"custom_llm_provider": "openai"},
        {"aws_secret_access_key": "x", "vertex_project": "y"},
        {"extra_body": {"api_base": "http://evil.test"}},
        {"fallbacks": [{"model": "m", "api_base": "http://evil.test"}]},
        {"model_list": []},
        {"user_config": {}},
    ],
)
def test_hosts_and_credentials_in_a_body_are_refused(ask, members):
    answer, got = ask(members)
    assert answer.status == 401
    assert answer.error["type"] == "auth_error"
    assert got is None


def test_defaults_of_the_row_and_the_clients_word(ask):
    params = {"temperature": 0.1, "max_tokens": 9, "extra_body": {"safe": True}, "top_k": 4}
    _, got = ask({"temperature": 0.9}, **params)
    assert got["temperature"] == 0.9
    assert got["max_tokens"] == 9
    assert got["safe"] is True
    assert got["top_k"] == 4


@pytest.fixture
def picky(config_beside, fake_upstream, serving):
    """A gateway with a provider that lacks some parameters."""
    source = """
        from tianji_core.openai_compat import OpenAICompatible

        class Picky(OpenAICompatible):
            name = "picky"
            key_required = False
            unsupported_params = frozenset({"seed", "logit_bias", "stream_options"})
    """

    def run(members, settings=None, **params):
        fake_upstream.answer(Answer.chat_stream() if members.get("stream") else Answer.chat())
        row = {"model_name": "m", "litellm_params": {"model": "picky/up-1", "api_base": fake_upstream.base, **params}}
        own = {"custom_provider_map": [{"provider": "picky", "custom_handler": "picky_provider.Picky"}]}
        path = config_beside(
            {"model_list": [row], "litellm_settings": {**own, **(settings or {})}}, picky_provider=source
        )

        async def main():
            async with serving(path) as client:
                return await client.chat(**members)

        answer = asyncio.run(main())
        return answer, fake_upstream.requests[-1].json() if fake_upstream.requests else None

    return run


def test_parameters_that_the_model_lacks_are_refused(picky):
    answer, got = picky({"seed": 1, "logit_bias": {}, "temperature": 1})
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert "logit_bias, seed" in answer.error["message"]
    assert got is None


@pytest.mark.parametrize("where", ["litellm_settings", "row", "body"])
def test_or_dropped(picky, where):
    members = {"seed": 1, "temperature": 1, **({"drop_params": True} if where == "body" else {})}
    settings = {"drop_params": True} if where == "litellm_settings" else {}
    params = {"drop_params": True} if where == "row" else {}
    answer, got = picky(members, settings, **params)
    assert answer.status == 200
    assert "seed" not in got
    assert got["temperature"] == 1


def test_or_allowed_or_dropped_by_name_or_null(picky):
    answer, got = picky({"seed": 1}, allowed_openai_params=["seed"])
    assert answer.status == 200
    assert got["seed"] == 1
    answer, got = picky({"seed": 1, "temperature": 1}, additional_drop_params=["seed", "temperature"])
    assert answer.status == 200
    assert not {"seed", "temperature"} & set(got)
    answer, got = picky({"seed": None})
    assert answer.status == 200
    assert "seed" not in got


def test_no_usage_is_asked_of_a_vendor_that_cannot_tell_it(picky):
    answer, got = picky({"stream": True})
    assert answer.status == 200
    assert "stream_options" not in got
    answer, got = picky({"stream": True, "stream_options": {"include_usage": True}})
    assert answer.status == 200
    assert "stream_options" not in got


def test_what_a_client_sends_as_fields_stays_here(ask, fake_upstream):
    headers = {"authorization": "Bearer sk-client", "cookie": "a=b", "x-evil": "1", "openai-organization": "o"}
    answer, _ = ask({}, headers=headers)
    assert answer.status == 200
    sent = dict(fake_upstream.requests[0].headers)
    assert sent["authorization"] == "Bearer sk-up"
    assert not {"cookie", "x-evil", "openai-organization"} & set(sent)


def test_fields_of_the_row_are_sent(ask, fake_upstream):
    ask({}, extra_headers={"X-Tenant": "acme"})
    assert fake_upstream.requests[0].headers["x-tenant"] == "acme"


def test_completions_over_a_chat_model(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat("there was"))
    config = {"model_list": [row(fake_upstream)]}

    async def main():
        async with serving(config) as client:
            body = {"model": "m", "prompt": "Once", "max_tokens": 3, "echo": False, "best_of": 1, "suffix": "x"}
            one = await client.post("/v1/completions", body)
            several = await client.post("/v1/completions", {"model": "m", "prompt": ["a", "b"]})
            tokens = await client.post("/v1/completions", {"model": "m", "prompt": [1, 2, 3]})
            fake_upstream.answer(Answer.chat_stream("there ", "was"))
            stream = await client.post("/v1/completions", {"model": "m", "prompt": "Once", "stream": True})
            return one, several, tokens, stream

    one, several, tokens, stream = asyncio.run(main())
    assert one.json()["choices"][0]["text"] == "there was"
    assert one.json()["object"] == "text_completion"
    assert fake_upstream.requests[0].path == "/v1/chat/completions"
    assert fake_upstream.requests[0].json() == {
        "model": "up-1",
        "messages": [{"role": "user", "content": "Once"}],
        "max_tokens": 3,
    }
    assert [m["content"] for m in fake_upstream.requests[1].json()["messages"]] == ["a", "b"]
    assert several.status == 200
    assert tokens.status == 400
    assert tokens.error["param"] == "prompt"
    assert stream.text() == "there was"
    assert {c["object"] for c in stream.chunks()} == {"text_completion"}
    assert {c["model"] for c in stream.chunks()} == {"m"}
    assert stream.events()[-1] == "[DONE]"


def test_a_vendors_answer_that_makes_no_sense(serving, row, fake_upstream):
    bodies = [
        "",
        "null",
        "[]",
        '"x"',
        "{",
        "<html>",
        '{"choices": 5}',
        '{"choices": [null]}',
        '{"error": {"message": "m"}}',
    ]
    config = {"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}}

    async def main():
        found = []
        async with serving(config) as client:
            for body in bodies:
                for path, asked in (
                    ("/v1/chat/completions", {"messages": []}),
                    ("/v1/completions", {"prompt": "x"}),
                    ("/v1/embeddings", {"input": "x"}),
                ):
                    fake_upstream.answer(Answer.text(body, content_type="application/json"))
                    answer = await client.post(path, {"model": "m", **asked})
                    found.append((body, path, answer))
        return found

    for body, path, answer in asyncio.run(main()):
        if answer.status == 200:
            assert json.loads(body).get("choices"), (body, path)  # relayed as it is
        else:
            assert answer.error["message"], (body, path)
            assert answer.status in (500, 502), (body, path)
            assert answer.error["message"] != "Internal server error.", (body, path)


def test_too_large_an_answer(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat("x" * 3_000_000))
    config = {
        "model_list": [row(fake_upstream)],
        "general_settings": {"max_response_size_mb": 1},
        "router_settings": {"num_retries": 0},
    }

    async def main():
        async with serving(config) as client:
            return await client.chat()

    assert asyncio.run(main()).status == 502


def test_too_large_a_request(serving, row, fake_upstream):
    config = {"model_list": [row(fake_upstream)], "general_settings": {"max_request_size_mb": 1}}

    async def main():
        async with serving(config) as client:
            announced = client.open(
                "POST", "/v1/chat/completions", content=b"{", headers={"content-length": "2000000"}, hold_body=True
            )
            first = await announced.finished()
            parts = [b"x" * 300_000] * 5
            return first, await client.request("POST", "/v1/chat/completions", content=parts)

    announced, counted = asyncio.run(main())
    for answer in (announced, counted):
        assert answer.status == 413
        assert answer.error["type"] == "invalid_request_error"
    assert not fake_upstream.requests


def test_bodies_in_pieces(serving, row, fake_upstream):
    fake_upstream.answer(Answer.chat("piecewise"))
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "schön 🗼"}]}, ensure_ascii=False
    ).encode()

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            parts = [body[i : i + 1] for i in range(len(body))]
            return await client.request("POST", "/v1/chat/completions", content=parts)

    assert asyncio.run(main()).status == 200
    assert fake_upstream.requests[0].json()["messages"][0]["content"] == "schön 🗼"


def test_depth(serving, row, fake_upstream):
    """Deep nesting is answered, one way or the other, and is never a 500."""

    def nested(depth):
        inner = b"[" * depth + b"]" * depth
        return b'{"model":"m","messages":[{"role":"user","content":' + inner + b"}]}"

    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            found = {}
            for depth in (100, 240, 249, 250, 251, 252, 253, 254, 255, 300, 900, 1020, 1022, 1023, 1024, 2000, 10_000):
                found[depth] = await client.request("POST", "/v1/chat/completions", content=nested(depth))
            return found

    for depth, answer in asyncio.run(main()).items():
        assert answer.status in ((200,) if depth <= 240 else (200, 400)), depth
        if answer.status == 400:
            assert answer.error["param"] == "request_body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","model":"n","messages":[]}',
        b'{"model":"m","messages":[{"role":"user","role":"system","content":"x"}]}',
        b'{"model":"m","model":"n","messages":[{"role":"user","content":"\\u003a"}]}',
        b'{"model":"m","model":"n","messages":[{"role":"user","content":"\\u003A\\u003a"}]}',
        b'{"model":"m","mod\\u0065l":"n","messages":[]}',
    ],
)
def test_members_named_twice_are_refused(serving, row, fake_upstream, body):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            return await client.request("POST", "/v1/chat/completions", content=body)

    answer = asyncio.run(main())
    assert answer.status == 400
    assert "twice" in answer.error["message"]
    assert not fake_upstream.requests


@pytest.mark.parametrize("content", [":", "\\u003a", "a:b:c", '\\":\\"', "\\\\u003a", "{\\u0022a\\u0022: 1}"])
def test_colons_in_texts_are_not_members(serving, row, fake_upstream, content):
    fake_upstream.answer(Answer.chat())
    body = f'{{"model":"m","messages":[{{"role":"user","content":"{content}"}}]}}'.encode()

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            return await client.request("POST", "/v1/chat/completions", content=body)

    assert asyncio.run(main()).status == 200
    assert fake_upstream.requests[0].json()["messages"] == json.loads(body)["messages"]


def test_large_bodies_are_judged_as_small_ones(serving, row, fake_upstream):
    """They are read in a thread."""
    fake_upstream.answer(Answer.chat())
    padding = "x" * 200_000
    good = {"model": "m", "messages": [{"role": "user", "content": padding}], "tags": ["a"], "seed": 5}
    bodies = [
        json.dumps(good).encode(),
        json.dumps(good).encode()[:-5],
        b'{"model":"m","model":"n","messages":[{"role":"user","content":"%s"}]}' % padding.encode(),
        json.dumps({**good, "seed": "5"}).encode(),
        json.dumps({**good, "api_key": "5"}).encode(),
        json.dumps([padding]).encode(),
    ]

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            paths = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/utils/token_counter")
            chat = [(await client.post(paths[0], content=body)) for body in bodies]
            others = [(await client.post(path, content=bodies[1])).status for path in paths]
            return chat, others

    chat, others = asyncio.run(main())
    assert [answer.status for answer in chat] == [200, 400, 400, 400, 401, 400]
    assert chat[3].error["param"] == "seed"
    assert others == [400] * 4
    (sent,) = fake_upstream.requests
    assert sent.json() == {"model": "up-1", "messages": good["messages"], "seed": 5}
