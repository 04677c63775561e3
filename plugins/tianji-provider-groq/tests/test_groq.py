"""What Groq does otherwise than OpenAI."""

from __future__ import annotations

import json

from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_groq import Groq


def groq() -> Groq:
    return Groq(ProviderSettings(model="llama-3.3-70b-versatile", api_key="k"))


def sent(messages: list[Body]) -> list[Body]:
    built = groq().build_request(ModelRequest("chat", "m", {"model": "m", "messages": messages}))
    assert isinstance(built.body, bytes)
    found: list[Body] = json.loads(built.body)["messages"]
    return found


def test_messages_are_made_plain() -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    assert sent([{"role": "developer", "content": [part], "cache_control": {}}]) == [
        {"role": "system", "content": [{"type": "text", "text": "x"}]}
    ]
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert sent([{"role": "assistant", "content": None, "tool_calls": [call], "function_call": None}]) == [
        {"role": "assistant", "tool_calls": [call]}
    ]


def test_what_groq_lacks_is_not_supported() -> None:
    supported = groq().supported_params("llama-3.3-70b-versatile", "chat")
    assert supported is not None
    assert not supported & {"logprobs", "top_logprobs", "logit_bias", "n"}


def test_usage_of_a_stream_is_in_x_groq() -> None:
    chunk: Body = {"choices": [], "x_groq": {"id": "r", "usage": {"prompt_tokens": 1, "total_tokens": 1}}}
    groq().patch_chunk(chunk)
    assert chunk["usage"] == {"prompt_tokens": 1, "total_tokens": 1}


def test_why_a_stream_was_stopped_is_in_x_groq() -> None:
    chunk: Body = {"choices": [], "x_groq": {"id": "r", "error": "over capacity"}}
    groq().patch_chunk(chunk)
    assert chunk["error"] == {"message": "over capacity", "type": "server_error"}
