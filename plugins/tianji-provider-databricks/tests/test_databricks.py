"""What Databricks does otherwise than OpenAI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import AuthenticationError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest
from tianji_provider_databricks import Databricks, DatabricksSettings
from tianji_provider_databricks.content import count_cached, read_content

WORKSPACE = "https://dbc-1.cloud.databricks.com"
CLIENT = {"DATABRICKS_CLIENT_ID": "id-1", "DATABRICKS_CLIENT_SECRET": "dose-secret"}
CLAUDE, LLAMA = "databricks-claude-sonnet-4-5", "databricks-meta-llama-3-3-70b-instruct"


def databricks(**settings: Any) -> Databricks:
    return Databricks(DatabricksSettings.model_validate({"api_base": WORKSPACE, **settings}))


def chat(model: str = CLAUDE, **members: Any) -> ModelRequest:
    return ModelRequest("chat", model, {"model": model, "messages": [], **members})


def sent(model: str = CLAUDE, **members: Any) -> Any:
    data = databricks(api_key="k").build_request(chat(model, **members)).body
    assert isinstance(data, bytes)
    return json.loads(data)


class FakeNetwork:
    """A token endpoint."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[UpstreamRequest] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        self.requests.append(request)
        body = {"access_token": f"token-{len(self.requests)}", "token_type": "Bearer", "expires_in": 3600}
        return UpstreamReply(self.status, Headers(), json.dumps(body).encode())

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError


# -- where and who ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({"api_base": WORKSPACE}, f"{WORKSPACE}/serving-endpoints"),
        ({"api_base": f"{WORKSPACE}/"}, f"{WORKSPACE}/serving-endpoints"),
        ({"api_base": f"{WORKSPACE}/serving-endpoints/"}, f"{WORKSPACE}/serving-endpoints"),
        (
            {"api_base": None, "environ": {"DATABRICKS_HOST": "dbc-1.cloud.databricks.com"}},
            f"{WORKSPACE}/serving-endpoints",
        ),
    ],
)
def test_workspaces(settings: Body, base: str) -> None:
    assert databricks(**settings).api_base == base


def test_an_address_is_needed() -> None:
    with pytest.raises(ValueError, match="DATABRICKS_API_BASE"):
        databricks(api_base=None)


def test_models_of_the_gateway() -> None:
    built = databricks(api_key="k").build_request(chat("system.ai.claude-sonnet-4-5"))
    assert built.url == f"{WORKSPACE}/ai-gateway/mlflow/v1/chat/completions"


def test_a_service_principals_token_is_fetched_once() -> None:
    provider, network = databricks(environ=CLIENT), FakeNetwork()

    async def two_calls() -> list[UpstreamRequest]:
        built = [provider.build_request(chat()) for _ in range(2)]
        return list(await asyncio.gather(*(provider.authorize(each, network) for each in built)))

    for request in asyncio.run(two_calls()):
        assert ("authorization", "Bearer token-1") in request.headers
    (asked,) = network.requests
    assert asked.url == f"{WORKSPACE}/oidc/v1/token"
    assert asked.body == b"grant_type=client_credentials&scope=all-apis"
    assert dict(asked.headers)["authorization"].startswith("Basic ")
    assert "authorization" not in dict(provider.build_request(chat()).headers), "one call's token stays on it"


def test_a_service_principal_that_is_refused() -> None:
    provider = databricks(environ=CLIENT)
    with pytest.raises(AuthenticationError) as caught:
        asyncio.run(provider.authorize(provider.build_request(chat()), FakeNetwork(401)))
    assert "dose-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "sent_key"),
    [
        ({"api_key": "k"}, "Bearer k"),
        ({"api_key": "k", "environ": CLIENT}, "Bearer k"),
        ({"environ": {**CLIENT, "DATABRICKS_API_KEY": "e"}}, None),
        ({"environ": {"DATABRICKS_CLIENT_ID": "id-1", "DATABRICKS_TOKEN": "e"}}, "Bearer e"),
    ],
)
def test_which_credential_counts(settings: Body, sent_key: str | None) -> None:
    assert dict(databricks(**settings).build_request(chat()).headers).get("authorization") == sent_key


def test_without_any() -> None:
    with pytest.raises(AuthenticationError, match="DATABRICKS_API_KEY"):
        databricks().build_request(chat())


def test_secrets_are_not_shown() -> None:
    assert "dose-secret" not in repr(DatabricksSettings(client_secret="dose-secret"))


# -- requests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 5120}),
        (
            {"reasoning_effort": "high", "max_tokens": 9000},
            {"thinking": {"type": "enabled", "budget_tokens": 4096}, "max_tokens": 9000},
        ),
        ({"reasoning_effort": "none"}, {}),
        ({"reasoning_effort": "low", "thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    ],
)
def test_efforts_are_budgets_on_claude(members: Body, wanted: Body) -> None:
    body = sent(CLAUDE, **members)
    assert {key: value for key, value in body.items() if key not in ("model", "messages")} == wanted
    assert sent("databricks-gpt-oss-20b", reasoning_effort="low")["reasoning_effort"] == "low"


def test_signed_thinking_goes_back_to_claude_only() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "thinking", "thinking": "unsigned"},
    ]
    message = {"role": "assistant", "content": "x", "reasoning_content": "Hm.", "thinking_blocks": blocks}
    summary = {"type": "summary_text", "text": "Hm.", "signature": "c2ln"}
    parts = [{"type": "reasoning", "summary": [summary]}, {"type": "text", "text": "x"}]
    assert sent(CLAUDE, messages=[message])["messages"] == [{"role": "assistant", "content": parts}]
    assert sent(LLAMA, messages=[message])["messages"] == [{"role": "assistant", "content": "x"}]
    listed = {**message, "content": [{"type": "text", "text": "y"}]}
    assert sent(CLAUDE, messages=[listed])["messages"][0]["content"] == [parts[0], {"type": "text", "text": "y"}]


def call(ident: str) -> Body:
    return {"id": ident, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_llama_has_one_call_in_a_message() -> None:
    first, second = ({"role": "tool", "tool_call_id": i, "content": i} for i in ("a", "b"))
    asked = {"role": "assistant", "content": "Both.", "tool_calls": [call("a"), call("b")]}
    alone = {"role": "assistant", "tool_calls": [call("c")]}
    third = {"role": "tool", "tool_call_id": "c", "content": "c"}
    messages = [asked, second, first, alone, third]
    assert sent(LLAMA, messages=messages)["messages"] == [
        {"role": "assistant", "content": "Both.", "tool_calls": [call("a")]},
        first,
        {"role": "assistant", "tool_calls": [call("b")]},
        second,
        alone,
        third,
    ]
    assert sent(CLAUDE, messages=messages)["messages"] == messages


def test_llama_calls_without_results() -> None:
    messages = [
        {"role": "assistant", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "z", "content": ""},
    ]
    found = sent(LLAMA, messages=messages)["messages"]
    assert [m["role"] for m in found] == ["assistant", "assistant", "tool"]


# -- answers ---------------------------------------------------------------------------------------------------


def test_content_in_parts() -> None:
    cited = {"type": "web_search_result_location", "url": "https://a.test", "title": "A", "cited_text": "x"}
    parts = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm.", "signature": "c2ln"}]},
        {"type": "text", "text": "Par", "citations": [cited]},
        {"type": "text", "text": "is."},
    ]
    body: Body = {"choices": [{"message": {"role": "assistant", "content": parts}}]}
    read_content(body, "message")
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Paris.",
        "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}],
        "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.test", "title": "A"}}],
    }


@pytest.mark.parametrize(
    ("usage", "prompt", "total"),
    [
        ({"prompt_tokens": 10, "total_tokens": 15, "cache_read_input_tokens": 90}, 100, 105),
        ({"prompt_tokens": 100, "total_tokens": 105, "cache_read_input_tokens": 90}, 100, 105),
        ({"prompt_tokens": 100, "total_tokens": 105}, 100, 105),
    ],
)
def test_cached_tokens_are_part_of_the_prompt(usage: Body, prompt: int, total: int) -> None:
    body = {"usage": usage}
    count_cached(body)
    assert (usage["prompt_tokens"], usage["total_tokens"]) == (prompt, total)
    if "cache_read_input_tokens" in usage:
        assert usage["prompt_tokens_details"] == {"cached_tokens": 90, "cache_write_tokens": 0}


KEYS = ["choices", "delta", "content", "type", "text", "summary", "signature", "citations", "url", "usage"]
WORDS = st.sampled_from(["text", "reasoning", "summary_text", "x"])
JSON = st.recursive(
    st.none() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_whatever_comes_in_parts(parts: Any) -> None:
    body: Body = {"choices": [{"delta": {"content": parts if isinstance(parts, list) else [parts]}}], "usage": parts}
    try:
        read_content(body, "delta")
        count_cached(body)
    except (TypeError, AttributeError):  # the core takes these for an answer without sense
        return
    assert body["choices"][0]["delta"]["content"] is None or isinstance(body["choices"][0]["delta"]["content"], str)
