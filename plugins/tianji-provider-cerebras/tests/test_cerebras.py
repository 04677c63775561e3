"""What Cerebras does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import ContextWindowExceededError, RateLimitError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_cerebras import Cerebras


def cerebras() -> Cerebras:
    return Cerebras(ProviderSettings(api_key="k"))


def sent(**members: Any) -> Body:
    body = {"model": "m", "messages": [], **members}
    built = cerebras().build_request(ModelRequest("chat", "m", body))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def test_bodies_are_strict() -> None:
    """An unknown member of a message is a 400 (`wrong_api_format`)."""
    message = {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "because",
        "thinking_blocks": [{}],
        "provider_specific_fields": {},
        "function_call": None,
    }
    assert sent(messages=[message])["messages"] == [{"role": "assistant", "content": "x", "reasoning": "because"}]


@pytest.mark.parametrize(("asked", "told"), [("minimal", "low"), ("medium", "medium"), ("xhigh", "high")])
def test_efforts(asked: str, told: str) -> None:
    assert sent(reasoning_effort=asked)["reasoning_effort"] == told


def test_what_cerebras_lacks_is_not_supported() -> None:
    supported = cerebras().supported_params("gpt-oss-120b", "chat")
    assert supported is not None
    assert not supported & {"n", "frequency_penalty", "presence_penalty", "logit_bias", "store", "audio"}
    assert supported >= {"reasoning_effort", "service_tier", "prediction", "logprobs", "parallel_tool_calls"}
    assert "reasoning_effort" not in (cerebras().supported_params("llama3.1-8b", "chat") or ())


def test_errors_without_a_wrapper() -> None:
    body = {"message": "m", "type": "too_many_requests_error", "param": "queue", "code": "queue_exceeded"}
    error = cerebras().parse_error(429, Headers([("retry-after", "2")]), json.dumps(body).encode())
    assert isinstance(error, RateLimitError)
    assert (error.message, error.code, error.retry_after) == ("m", "queue_exceeded", 2.0)
    long = {"message": "Current length is 9 while limit is 8", "code": "x"}
    assert isinstance(cerebras().parse_error(400, Headers(), json.dumps(long).encode()), ContextWindowExceededError)
