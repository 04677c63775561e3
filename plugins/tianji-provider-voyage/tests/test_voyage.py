"""What Voyage does otherwise than OpenAI and Cohere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_provider_voyage import Voyage

PICTURE = "data:image/png;base64,AA=="
URL = "https://a.test/x.png"


def voyage(**settings: Any) -> Voyage:
    return Voyage(ProviderSettings.model_validate({"api_key": "pa-k", **settings}))


def build(operation: Operation, model: str, **members: Any) -> UpstreamRequest:
    return voyage().build_request(ModelRequest(operation, model, {"model": model, **members}))


def sent(operation: Operation, model: str, **members: Any) -> Any:
    data = build(operation, model, **members).body
    assert isinstance(data, bytes)
    return json.loads(data)


def test_embeddings() -> None:
    assert sent("embeddings", "voyage-3.5", input="a", dimensions=256, encoding_format="float", input_type="query") == {
        "model": "voyage-3.5",
        "input": "a",
        "output_dimension": 256,
        "input_type": "query",
    }
    assert sent("embeddings", "voyage-3.5", input="a", encoding_format="base64")["encoding_format"] == "base64"


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        ("a", [{"type": "text", "text": "a"}]),
        (PICTURE, [{"type": "image_base64", "image_base64": PICTURE}]),
        ({"image": URL}, [{"type": "image_url", "image_url": URL}]),
        ({"text": "a"}, [{"type": "text", "text": "a"}]),
        (
            ["a", {"type": "image_url", "image_url": {"url": URL}}],
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": URL}],
        ),
        (
            {"content": [{"type": "image_base64", "image_base64": PICTURE}]},
            [{"type": "image_base64", "image_base64": PICTURE}],
        ),
    ],
)
def test_multimodal_inputs(item: Any, parts: list[Body]) -> None:
    built = build("embeddings", "voyage-multimodal-3", input=[item], encoding_format="base64")
    assert built.url == "https://api.voyageai.com/v1/multimodalembeddings"
    assert isinstance(built.body, bytes)
    wanted = {"model": "voyage-multimodal-3", "inputs": [{"content": parts}], "output_encoding": "base64"}
    assert json.loads(built.body) == wanted


def test_tokens_are_no_multimodal_input() -> None:
    with pytest.raises(BadRequestError):
        build("embeddings", "voyage-multimodal-3", input=[[1, 2]])


def test_chunks_of_documents() -> None:
    assert build("embeddings", "voyage-context-3", input="a").url.endswith("/v1/contextualizedembeddings")
    assert sent("embeddings", "voyage-context-3", input=["a", "b"])["inputs"] == [["a", "b"]]
    assert sent("embeddings", "voyage-context-3", input=[["a"], ["b"]])["inputs"] == [["a"], ["b"]]
    answer = {
        "object": "list",
        "data": [
            {"object": "list", "index": 0, "data": [{"object": "embedding", "index": 0, "embedding": [1]}]},
            {"object": "list", "index": 1, "data": [{"object": "embedding", "index": 0, "embedding": [2]}]},
        ],
        "usage": {"total_tokens": 7},
    }
    reply = UpstreamReply(200, Headers(), json.dumps(answer).encode())
    found = voyage().parse_response(ModelRequest("embeddings", "voyage-context-3", {}), reply)
    assert isinstance(found, dict)
    assert [(each["index"], each["embedding"]) for each in found["data"]] == [(0, [1]), (1, [2])]
    assert found["usage"] == {"total_tokens": 7, "prompt_tokens": 7}


def test_documents_are_texts() -> None:
    documents = ["a", {"text": "b"}, {"title": "c"}]
    body = sent("rerank", "rerank-2.5", query="q", documents=documents, top_n=2)
    assert body == {"model": "rerank-2.5", "query": "q", "documents": ["a", "b", '{"title":"c"}'], "top_k": 2}


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "https://api.voyageai.com/v1"),
        ({"api_key": "al-k"}, "https://ai.mongodb.com/v1"),
        ({"api_key": None, "environ": {"VOYAGE_API_KEY": "al-k"}}, "https://ai.mongodb.com/v1"),
        ({"api_key": "al-k", "api_base": "http://v/v1"}, "http://v/v1"),
    ],
)
def test_where_keys_are_good(settings: Body, base: str) -> None:
    assert voyage(**settings).api_base == base


@pytest.mark.parametrize(
    ("base", "embeddings", "rerank"),
    [
        ("http://v", "http://v/embeddings", "http://v/v1/rerank"),
        ("http://v/v1", "http://v/v1/embeddings", "http://v/v1/rerank"),
        ("http://v/v1/rerank", "http://v/v1/rerank/embeddings", "http://v/v1/rerank"),
    ],
)
def test_bases_as_litellm_reads_them(base: str, embeddings: str, rerank: str) -> None:
    provider = voyage(api_base=base)
    assert (provider.url("embeddings"), provider.url("rerank")) == (embeddings, rerank)
