"""What Fireworks AI does otherwise than OpenAI."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tianji_core.api.errors import ContextWindowExceededError
from tianji_core.api.http import Headers, Upload, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_fireworks_ai import FireworksAI, full_name

TOOL = {"type": "function", "function": {"name": "get_weather"}}


def fireworks(**settings: Any) -> FireworksAI:
    return FireworksAI(ProviderSettings(api_key="k", **settings))


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("deepseek-v3p2", "accounts/fireworks/models/deepseek-v3p2"),
        ("accounts/acme/models/x", "accounts/acme/models/x"),
        ("accounts/a/models/x#accounts/a/deployments/y", "accounts/a/models/x#accounts/a/deployments/y"),
        ("x#y", "x#y"),
        ("routers/x", "accounts/fireworks/routers/x"),
        ("kimi-k2-fast", "accounts/fireworks/routers/kimi-k2-fast"),
        ("nomic-ai/nomic-embed-text-v1.5", "nomic-ai/nomic-embed-text-v1.5"),
    ],
)
def test_names_of_models(given: str, full: str) -> None:
    assert full_name(given) == full
    request = ModelRequest("chat", given, {"model": given, "messages": []})
    body = fireworks().build_request(request).body
    assert isinstance(body, bytes)
    assert json.loads(body)["model"] == full


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"model": "whisper-v3"}, "https://audio-prod.api.fireworks.ai/v1/audio/transcriptions"),
        ({"model": "whisper-v3-turbo"}, "https://audio-turbo.api.fireworks.ai/v1/audio/transcriptions"),
        ({"model": "whisper-v3", "api_base": "https://x.test/v1"}, "https://x.test/v1/audio/transcriptions"),
    ],
)
def test_audio_is_on_other_hosts(settings: Body, url: str) -> None:
    upload = Upload("a.wav", "audio/wav", io.BytesIO(b"x"), 1)
    body = {"model": settings["model"], "file": upload}
    built = fireworks(**settings).build_request(ModelRequest("transcriptions", settings["model"], body))
    assert built.url == url
    assert isinstance(built.body, bytes)
    assert b"accounts/" not in built.body


def parsed(content: Any, *tools: Body) -> Body:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    reply = UpstreamReply(200, Headers(), json.dumps({"id": "x", "choices": [choice]}).encode())
    body = fireworks().parse_response(ModelRequest("chat", "m", {"tools": list(tools)}), reply)
    assert isinstance(body, dict)
    found: Body = body["choices"][0]
    return found


def test_a_call_that_was_written_into_the_text() -> None:
    choice = parsed('{"type": "function", "name": "get_weather", "parameters": {"city": "Zürich"}}', TOOL)
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Zürich"}'}
    assert call["id"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "other", "parameters": {}}',
        '{"name": ["get_weather"], "parameters": {}}',
        '{"name": "get_weather", "parameters": "x"}',
        '{"name": "get_weather"',
        "{}",
        '{"a":' * 100_000,
        "It rains.",
        None,
    ],
)
def test_anything_else_is_a_text(text: Any) -> None:
    choice = parsed(text, TOOL)
    assert choice["message"] == {"role": "assistant", "content": text}
    assert choice["finish_reason"] == "stop"


def test_without_tools_a_text_is_a_text() -> None:
    text = '{"name": "get_weather", "parameters": {}}'
    assert parsed(text)["message"]["content"] == text


def test_errors() -> None:
    body = {"error": {"object": "error", "type": "x", "message": "The prompt is too long: 9, model maximum: 8"}}
    error = fireworks().parse_error(400, Headers(), json.dumps(body).encode())
    assert isinstance(error, ContextWindowExceededError)
