"""What xAI does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import AuthenticationError, ContentPolicyViolationError, PermissionDeniedError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_provider_xai import XAI


def xai() -> XAI:
    return XAI(ProviderSettings(api_key="k"))


def sent(operation: Operation = "chat", **members: Any) -> Body:
    built = xai().build_request(ModelRequest(operation, "m", {"model": "m", **members}))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


@pytest.mark.parametrize(
    ("model", "effort", "penalties"),
    [
        ("grok-2-1212", False, True),
        ("grok-3", False, True),
        ("grok-3-mini", True, False),
        ("grok-3-mini-fast", True, False),
        ("grok-4-0709", False, False),
        ("grok-4-fast-reasoning", False, False),
        ("grok-4-1-fast-non-reasoning", False, True),
        ("grok-4.3", True, False),
        ("grok-code-fast-1", False, False),
        ("grok-5", True, False),
    ],
)
def test_what_models_take(model: str, effort: bool, penalties: bool) -> None:
    supported = xai().supported_params(model, "chat")
    assert supported is not None
    assert ("reasoning_effort" in supported) is effort
    for name in ("stop", "presence_penalty", "frequency_penalty"):
        assert (name in supported) is penalties
    assert not supported & {"service_tier", "web_search_options", "audio"}


def test_messages_and_tools() -> None:
    messages = [{"role": r, "content": "x", "name": "ana"} for r in ("developer", "user", "assistant")]
    tool = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}
    body = sent(messages=messages, tools=[tool])
    assert [(m["role"], m.get("name")) for m in body["messages"]] == [
        ("system", None),
        ("user", "ana"),
        ("assistant", None),
    ]
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def test_speech() -> None:
    body = sent("speech", input="Hi", voice="eve", response_format="wav", language="en")
    assert body == {"text": "Hi", "voice_id": "eve", "language": "en", "output_format": {"codec": "wav"}}


def test_usage() -> None:
    usage: Body = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 18,
        "completion_tokens_details": {"reasoning_tokens": 3},
        "cost_in_usd_ticks": 25_000_000,
    }
    xai().patch_chunk({"choices": [], "usage": usage})
    assert (usage["completion_tokens"], usage["total_tokens"], usage["cost"]) == (8, 18, 0.0025)


def test_errors_are_texts() -> None:
    def error(status: int, text: str) -> Any:
        return xai().parse_error(status, Headers(), json.dumps({"code": "c", "error": text}).encode())

    assert isinstance(error(400, "Incorrect API key provided: xa***. "), AuthenticationError)
    assert isinstance(error(403, "Content violates usage guidelines. Team: x"), ContentPolicyViolationError)
    assert isinstance(error(403, "Your team is blocked."), PermissionDeniedError)
    assert error(422, "Failed to deserialize").message == "Failed to deserialize"
