"""What Jina does otherwise than OpenAI and Cohere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_provider_jina_ai import JinaAI


def jina(**settings: Any) -> JinaAI:
    return JinaAI(ProviderSettings(api_key="k", **settings))


def test_pictures_and_parameters() -> None:
    given = ["a", {"text": "b"}, "data:image/png;base64,AA==", "data: no picture"]
    body = {"model": "jina-clip-v2", "input": given, "encoding_format": "base64", "task": "retrieval.query"}
    built = jina().build_request(ModelRequest("embeddings", "jina-clip-v2", body))
    assert isinstance(built.body, bytes)
    assert json.loads(built.body) == {
        "model": "jina-clip-v2",
        "input": ["a", {"text": "b"}, {"image": "AA=="}, "data: no picture"],
        "embedding_type": "base64",
        "task": "retrieval.query",
    }
    assert given[2] == "data:image/png;base64,AA=="


@pytest.mark.parametrize(
    ("base", "embeddings", "rerank"),
    [
        ("http://j", "http://j/embeddings", "http://j/v1/rerank"),
        ("http://j/v1", "http://j/v1/embeddings", "http://j/v1/rerank"),
    ],
)
def test_bases_as_litellm_reads_them(base: str, embeddings: str, rerank: str) -> None:
    provider = jina(api_base=base)
    assert (provider.url("embeddings"), provider.url("rerank")) == (embeddings, rerank)
