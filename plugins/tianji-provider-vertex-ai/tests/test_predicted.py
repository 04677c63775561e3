"""Endpoints that take chats by `predict`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji_core.api.errors import GatewayError, RateLimitError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_vertex_ai import VertexProvider, VertexSettings

USER = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
BASE = "https://7.us-central1-1.prediction.vertexai.goog"
MESSAGES = [{"role": "user", "content": "Hi"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHOICE = {
    "index": 0,
    "message": {"role": "assistant", "content": "Ho.", "tool_calls": [CALL]},
    "finish_reason": "tool_calls",
}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "google/gemma-3-12b-it",
    "choices": [CHOICE],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def provider() -> VertexProvider:
    return VertexProvider(VertexSettings(vertex_project="p", vertex_credentials=USER, api_base=BASE))


def request(*, stream: bool = False, **body: Any) -> ModelRequest:
    return ModelRequest("chat", "gemma/7", {"model": "gemma/7", "messages": MESSAGES, **body}, stream)


def reply(value: Any) -> UpstreamReply:
    return UpstreamReply(200, Headers(), json.dumps(value).encode())


def test_the_body_is_an_instance() -> None:
    asked = request(stream=True, max_tokens=9, metadata={"a": "b"})
    asked.body["stream"] = True
    built = provider().build_request(asked)
    assert built.url == f"{BASE}/v1/projects/p/locations/us-central1/endpoints/7:predict"
    assert isinstance(built.body, bytes)
    assert json.loads(built.body) == {
        "instances": [{"@requestFormat": "chatCompletions", "messages": MESSAGES, "max_tokens": 9}]
    }
    assert asked.body["messages"] == MESSAGES


@pytest.mark.parametrize("predictions", [CHAT, [CHAT]])
def test_the_answer_is_a_prediction(predictions: Any) -> None:
    assert provider().parse_response(request(), reply({"predictions": predictions, "deployedModelId": "1"})) == CHAT


def test_a_stream_comes_at_its_end() -> None:
    decoder = provider().stream_decoder(request(stream=True))
    data = reply({"predictions": CHAT}).body
    assert decoder.feed(data[:20]) == decoder.feed(data[20:]) == []
    assert not decoder.complete
    merged = merge_chunks(decoder.finish())
    assert decoder.complete
    assert (merged["choices"], merged["usage"]) == (CHAT["choices"], CHAT["usage"])


def test_an_error_in_a_stream() -> None:
    decoder = provider().stream_decoder(request(stream=True))
    decoder.feed(reply({"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}).body)
    assert decoder.finish() == []
    assert isinstance(decoder.error, RateLimitError)


def test_nothing_but_chats() -> None:
    with pytest.raises(UnsupportedCapabilityError):
        provider().build_request(ModelRequest("embeddings", "gemma/7", {"input": "a"}))


JSON = st.recursive(st.none() | st.booleans() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2))
ODD_MESSAGES = st.dictionaries(st.sampled_from(["role", "content", "tool_calls"]), JSON | st.just([CALL]), max_size=3)
ODD_CHOICES = st.dictionaries(st.sampled_from(["index", "message", "finish_reason"]), JSON | ODD_MESSAGES, max_size=3)


@given(st.lists(ODD_CHOICES, max_size=2) | JSON)
def test_odd_answers(choices: Any) -> None:
    decoder = provider().stream_decoder(request(stream=True))
    decoder.feed(reply({"predictions": {"choices": choices}}).body)
    assert decoder.finish() or decoder.error is not None


@given(st.binary(max_size=20))
@example(b'{"error":{}}')
def test_odd_bytes(data: bytes) -> None:
    decoder = provider().stream_decoder(request(stream=True))
    decoder.feed(data)
    assert decoder.finish() == []
    assert isinstance(decoder.error, GatewayError)
