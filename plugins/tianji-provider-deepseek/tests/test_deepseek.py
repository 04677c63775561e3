"""What DeepSeek does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import PaymentRequiredError, ServiceUnavailableError, UnsupportedParamsError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_deepseek import DeepSeek

CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f"}}


def deepseek() -> DeepSeek:
    return DeepSeek(ProviderSettings(api_key="k"))


def sent(model: str = "deepseek-reasoner", *, drop: bool = False, **members: Any) -> Body:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    built = deepseek().build_request(ModelRequest("chat", model, body, drop_params=drop))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def test_effort_switches_thinking() -> None:
    assert sent(reasoning_effort="high") == sent(reasoning_effort="high", thinking={"type": "enabled"})
    off = sent(reasoning_effort="none")
    assert off["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in off
    assert "thinking" not in sent()


@pytest.mark.parametrize(
    ("model", "thinking", "back"),
    [
        ("deepseek-reasoner", None, True),
        ("deepseek-chat", None, False),
        ("deepseek-chat", {"type": "enabled"}, True),
        ("deepseek-v4", {"type": "disabled"}, False),
    ],
)
def test_reasoning_goes_back_beside_calls_while_thinking(model: str, thinking: Any, back: bool) -> None:
    messages = [
        {"role": "assistant", "content": "x", "tool_calls": [CALL], "reasoning_content": "because"},
        {"role": "assistant", "content": "x", "tool_calls": [CALL]},
        {"role": "assistant", "content": "x"},
    ]
    members = {"thinking": thinking} if thinking else {}
    found = sent(model, messages=messages, **members)["messages"]
    assert [m.get("reasoning_content") for m in found] == ["because", " " if back else None, None]
    assert "reasoning_content" not in messages[1]


def test_a_choice_without_tools_goes() -> None:
    assert "tool_choice" not in sent(tool_choice="auto", parallel_tool_calls=True)
    assert sent(tools=[TOOL], tool_choice="auto")["tool_choice"] == "auto"


def test_there_are_no_schemas() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    with pytest.raises(UnsupportedParamsError):
        sent(response_format=schema)
    assert sent(response_format=schema, drop=True)["response_format"] == {"type": "json_object"}


def test_an_answer_for_want_of_resources_may_be_tried_again() -> None:
    body = {"choices": [{"message": {"content": "Par"}, "finish_reason": "insufficient_system_resource"}]}
    reply = UpstreamReply(200, Headers(), json.dumps(body).encode())
    request = ModelRequest("chat", "m", {"model": "m", "messages": []})
    with pytest.raises(ServiceUnavailableError):
        deepseek().parse_response(request, reply)
    decoder = deepseek().stream_decoder(request)
    decoder.feed(f"data: {json.dumps(body)}\n\n".encode())
    assert isinstance(decoder.error, ServiceUnavailableError)


def test_blank_lines_keep_the_connection_alive() -> None:
    reply = UpstreamReply(200, Headers(), b'\n\n\n{"choices": [], "model": "m"}')
    assert deepseek().parse_response(ModelRequest("chat", "m", {}), reply) == {"choices": [], "model": "m"}


def test_an_empty_account() -> None:
    error = deepseek().parse_error(402, Headers(), b'{"error": {"message": "Insufficient Balance"}}')
    assert isinstance(error, PaymentRequiredError)
