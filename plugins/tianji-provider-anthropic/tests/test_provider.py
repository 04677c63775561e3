"""The provider itself: address, credentials, header fields, cache markers, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    OverloadedError,
    PaymentRequiredError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServiceUnavailableError,
)
from tianji_core.api.http import Headers
from tianji_core.api.provider import ModelRequest
from tianji_provider_anthropic import AnthropicProvider, AnthropicSettings

MARK = {"type": "ephemeral"}


def provider(**settings: Any) -> AnthropicProvider:
    return AnthropicProvider(AnthropicSettings.model_validate({"api_key": "sk-x", **settings}))


def build(made: AnthropicProvider, headers: dict[str, str] | None = None, **members: Any) -> tuple[dict[str, str], Any]:
    body = {"messages": [{"role": "user", "content": "Hi"}], **members}
    request = made.build_request(ModelRequest("chat", "claude-sonnet-4-5", body, headers=headers or {}))
    assert isinstance(request.body, bytes)
    return dict(request.headers), json.loads(request.body)


@pytest.mark.parametrize(
    "base",
    [
        "https://gw.example",
        "https://gw.example/",
        "https://gw.example/v1",
        "https://gw.example/v1/",
        "https://gw.example/v1/messages",
    ],
)
def test_api_base_with_and_without_the_path(base: str) -> None:
    request = provider(api_base=base).build_request(ModelRequest("chat", "m", {"messages": []}))
    assert request.url == "https://gw.example/v1/messages"


def test_credentials() -> None:
    assert build(provider())[0]["x-api-key"] == "sk-x"
    bearer = build(provider(api_key=None, environ={"ANTHROPIC_AUTH_TOKEN": "t0ken"}))[0]
    assert bearer["authorization"] == "Bearer t0ken"
    assert not {"x-api-key", "anthropic-beta"} & bearer.keys()
    oauth = build(provider(api_key="sk-ant-oat01-x"))[0]
    assert oauth["authorization"] == "Bearer sk-ant-oat01-x"
    assert oauth["anthropic-beta"] == "oauth-2025-04-20"
    assert oauth["anthropic-dangerous-direct-browser-access"] == "true"
    assert "x-api-key" not in oauth
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        build(provider(api_key=None))
    assert "x-api-key" not in build(provider(api_key=None, extra_headers={"Authorization": "Bearer own"}))[0]


def test_betas_of_all_sources_are_merged() -> None:
    made = provider(api_key="sk-ant-oat01-x", extra_headers={"Anthropic-Beta": "context-1m-2025-08-07, a"})
    sent = build(made, {"anthropic-beta": "a, b"}, tools=[{"type": "computer_20250124", "name": "computer"}])[0]
    assert sent["anthropic-beta"] == "oauth-2025-04-20,context-1m-2025-08-07,a,computer-use-2025-01-24,b"
    assert build(provider(extra_headers={"Anthropic-Version": "2099-01-01"}))[0]["anthropic-version"] == "2099-01-01"


def test_injected_cache_markers() -> None:
    points = [{"role": "system"}, {"location": "message", "index": -1}, {"location": "tool_config"}]
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    ]
    before = repr(messages)
    body = build(provider(cache_control_injection_points=points), messages=messages, tools=tools)[1]
    assert body["system"][0]["cache_control"] == MARK
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": MARK},
    ]
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, MARK]
    assert repr(messages) == before


def test_no_more_markers_are_injected_than_the_vendor_takes() -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    marked = {"role": "assistant", "content": [{"type": "text", "text": "x", "cache_control": MARK}]}
    messages = [marked, *({"role": "user", "content": str(i)} for i in range(6))]
    point = {"role": "user", "control": hour}
    for points in ([point], [{"index": 99}, point], [{"index": 0}, point]):
        body = build(provider(cache_control_injection_points=points), messages=messages)[1]
        blocks = [block for turn in body["messages"] for block in turn["content"]]
        assert [b["cache_control"] for b in blocks if "cache_control" in b] == [MARK, hour, hour, hour]


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "message", "wanted"),
    [
        (400, "invalid_request_error", "max_tokens: must be positive", BadRequestError),
        (400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ContextWindowExceededError),
        (
            400,
            "invalid_request_error",
            "input and `max_tokens` exceed context limit",
            ContextWindowExceededError,
        ),
        (413, "request_too_large", "prompt is too long", ContextWindowExceededError),
        (400, "invalid_request_error", "Output blocked by content filtering policy", ContentPolicyViolationError),
        (402, "billing_error", "Pay", PaymentRequiredError),
        (413, "request_too_large", "Too large", RequestTooLargeError),
        (500, "overloaded_error", "Overloaded", OverloadedError),
        (503, "api_error", "Later", ServiceUnavailableError),
        (504, "timeout_error", "Late", RequestTimeoutError),
        (529, "overloaded_error", "Overloaded", OverloadedError),
    ],
)
def test_errors(status: int, kind: str, message: str, wanted: type[GatewayError]) -> None:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()
    error = provider().parse_error(status, Headers([("retry-after", "3")]), body)
    assert type(error) is wanted
    assert (error.message, error.code, error.retry_after, error.provider) == (message, kind, 3.0, "anthropic")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": "no such route"}', "no such route"),
        (b'{"message": "forbidden"}', "forbidden"),
        (b'{"error": {"detail": "odd"}}', "odd"),
    ],
)
def test_errors_of_what_stands_in_between(body: bytes, message: str) -> None:
    assert provider().parse_error(502, Headers(), body).message == message


def test_a_status_below_400_does_not_reach_the_caller() -> None:
    assert provider().parse_error(302, Headers(), b"").http_status == 500
