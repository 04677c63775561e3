"""What vLLM does otherwise than OpenAI."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import ContextWindowExceededError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_hosted_vllm import HostedVLLM


def vllm(base: str = "http://vllm:8000/v1") -> HostedVLLM:
    return HostedVLLM(ProviderSettings(api_base=base))


def test_an_address_is_needed() -> None:
    with pytest.raises(ValueError, match="HOSTED_VLLM_API_BASE"):
        HostedVLLM(ProviderSettings())


@pytest.mark.parametrize("base", ["http://v/v1/rerank", "http://v/v1"])
def test_where_documents_are_reranked(base: str) -> None:
    body: Body = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}]}
    built = vllm(base).build_request(ModelRequest("rerank", "m", body))
    assert built.url == "http://v/v1/rerank"
    assert isinstance(built.body, bytes)
    assert json.loads(built.body)["documents"] == ["a", {"text": "b"}]


def test_tools_go_out_as_they_came() -> None:
    function = {"name": "f", "strict": True, "parameters": {"type": "object", "additionalProperties": False}}
    tools = [{"type": "function", "function": function}]
    built = vllm().build_request(ModelRequest("chat", "m", {"model": "m", "messages": [], "tools": tools}))
    assert isinstance(built.body, bytes)
    assert json.loads(built.body)["tools"] == tools


def test_a_prompt_too_long_for_the_model() -> None:
    text = "The decoder prompt (length 9001) is longer than the maximum model length of 8192."
    body = json.dumps({"object": "error", "message": text, "type": "BadRequestError", "code": 400}).encode()
    assert isinstance(vllm().parse_error(400, Headers(), body), ContextWindowExceededError)
