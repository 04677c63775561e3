"""What DeepInfra does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_deepinfra import DeepInfra


def deepinfra(**settings: Any) -> DeepInfra:
    return DeepInfra(ProviderSettings(api_key="k", **settings))


def rerank(model: str = "Qwen/Qwen3-Reranker-8B", **members: Any) -> ModelRequest:
    return ModelRequest("rerank", model, {"model": model, "query": "q", "documents": ["a", {"text": "b"}], **members})


def sent(**members: Any) -> Any:
    drop = members.pop("drop_params", False)
    body: Body = {"model": "m", "messages": [], **members}
    data = deepinfra().build_request(ModelRequest("chat", "m", body, drop_params=drop)).body
    assert isinstance(data, bytes)
    return json.loads(data)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_forced_tools(choice: Any) -> None:
    assert sent(tool_choice=choice)["tool_choice"] == choice
    assert "tool_choice" not in sent(tool_choice=choice, drop_params=True)
    assert sent(tool_choice="none", drop_params=True)["tool_choice"] == "none"


def test_scores_are_at_the_address_of_the_model() -> None:
    request = rerank(top_n=1, return_documents=True, instruction="i")
    built = deepinfra(api_base="http://d/v1/openai/").build_request(request)
    assert built.url == "http://d/v1/inference/Qwen/Qwen3-Reranker-8B"
    assert isinstance(built.body, bytes)
    assert json.loads(built.body) == {"queries": ["q", "q"], "documents": ["a", "b"], "instruction": "i"}
    with pytest.raises(BadRequestError):
        deepinfra().build_request(rerank("../../v1"))


def test_scores_become_results() -> None:
    reply = UpstreamReply(200, Headers(), b'{"scores": [0.1, 0.9], "input_tokens": 12, "request_id": "R1"}')
    assert deepinfra().parse_response(rerank(top_n=1, return_documents=True), reply) == {
        "id": "R1",
        "results": [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}],
        "meta": {"billed_units": {"total_tokens": 12}, "tokens": {"input_tokens": 12}},
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"scores": {}}', b'{"scores": ["x"]}', b'{"scores": [null]}'])
def test_answers_without_sense(body: bytes) -> None:
    with pytest.raises(BadGatewayError):
        deepinfra().parse_response(rerank(), UpstreamReply(200, Headers(), body))
