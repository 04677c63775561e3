"""What NIM does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadGatewayError, BadRequestError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_provider_nvidia_nim import NvidiaNIM
from tianji_provider_nvidia_nim.rerank import ranking_url

MODEL = "nvidia/llama-3.2-nv-rerankqa-1b-v2"


def nim(**settings: Any) -> NvidiaNIM:
    return NvidiaNIM(ProviderSettings(api_key="k", **settings))


def rerank(**members: Any) -> ModelRequest:
    body: Body = {"model": MODEL, "query": "q", "documents": ["a", {"text": "b"}], **members}
    return ModelRequest("rerank", MODEL, body)


@pytest.mark.parametrize(
    ("base", "model", "url"),
    [
        (
            "https://integrate.api.nvidia.com/v1",
            MODEL,
            "https://ai.api.nvidia.com/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking",
        ),
        ("https://ai.api.nvidia.com", "nvidia/x", "https://ai.api.nvidia.com/v1/retrieval/nvidia/x/reranking"),
        ("http://nim:8000", MODEL, "http://nim:8000/v1/ranking"),
        ("http://nim:8000/v1", f"ranking/{MODEL}", "http://nim:8000/v1/ranking"),
        ("https://ai.api.nvidia.com/v1", f"ranking/{MODEL}", "https://ai.api.nvidia.com/v1/ranking"),
        ("http://nim:8000/v1/ranking", MODEL, "http://nim:8000/v1/ranking"),
    ],
)
def test_where_documents_are_reranked(base: str, model: str, url: str) -> None:
    assert ranking_url(base, model) == url


def test_names_do_not_lead_elsewhere() -> None:
    with pytest.raises(BadRequestError):
        ranking_url("https://ai.api.nvidia.com", "nvidia//x")


def test_the_body() -> None:
    request = rerank(top_n=1, return_documents=True, truncate="END")
    built = nim().build_request(request)
    assert isinstance(built.body, bytes)
    assert json.loads(built.body) == {
        "model": MODEL,
        "query": {"text": "q"},
        "passages": [{"text": "a"}, {"text": "b"}],
        "truncate": "END",
    }
    assert request.body["documents"] == ["a", {"text": "b"}], "the answer needs them"


def test_the_answer() -> None:
    reply = UpstreamReply(200, Headers(), b'{"rankings": [{"index": 1, "logit": 2.5}, {"index": 0, "logit": -3}]}')
    found = nim().parse_response(rerank(top_n=1, return_documents=True), reply)
    assert found == {"results": [{"index": 1, "relevance_score": 2.5, "document": {"text": "b"}}]}


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b'{"rankings": 1}', b'{"rankings": [null]}'])
def test_answers_without_sense(body: bytes) -> None:
    with pytest.raises(BadGatewayError):
        nim().parse_response(rerank(), UpstreamReply(200, Headers(), body))


def test_an_effort_is_for_gpt_oss() -> None:
    assert "reasoning_effort" in (nim().supported_params("openai/gpt-oss-120b", "chat") or ())
    assert "reasoning_effort" not in (nim().supported_params("meta/llama-3.1-70b-instruct", "chat") or ())
