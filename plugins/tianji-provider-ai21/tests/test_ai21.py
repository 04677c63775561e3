"""What AI21 does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import AuthenticationError, ContextWindowExceededError, UnsupportedParamsError
from tianji_core.api.http import Headers
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_provider_ai21 import AI21, AI21Chat


def ai21() -> AI21:
    return AI21(ProviderSettings(api_key="k"))


def sent(drop: bool = False, **body: Any) -> Any:
    request = ModelRequest("chat", "jamba-large", {"messages": [], **body}, drop_params=drop)
    data = ai21().build_request(request).body
    assert isinstance(data, bytes)
    return json.loads(data)


def test_schemas_are_refused_or_dropped() -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    with pytest.raises(UnsupportedParamsError):
        sent(response_format=asked)
    assert sent(drop=True, response_format=asked)["response_format"] == {"type": "json_object"}
    assert sent(response_format={"type": "json_object"})["response_format"] == {"type": "json_object"}


def test_texts_and_documents() -> None:
    messages = [{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    documents = [{"content": "Paris.", "metadata": []}]
    assert sent(messages=messages, documents=documents, max_completion_tokens=3) == {
        "messages": [{"role": "system", "content": "ab"}],
        "documents": documents,
        "max_tokens": 3,
    }


def test_errors() -> None:
    error = ai21().parse_error(401, Headers(), b'{"detail": "Forbidden: Bad or missing API token."}')
    assert isinstance(error, AuthenticationError)
    assert error.message == "Forbidden: Bad or missing API token."
    error = ai21().parse_error(422, Headers(), b'{"detail": "Prompt has too many tokens: 300000"}')
    assert isinstance(error, ContextWindowExceededError)


def test_both_names() -> None:
    assert AI21Chat(ProviderSettings(api_key="k")).name == "ai21_chat"
