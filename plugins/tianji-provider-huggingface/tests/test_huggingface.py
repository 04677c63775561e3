"""What is Hugging Face's own: addresses, names of models, vectors, rerank, errors."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    RateLimitError,
    ServiceUnavailableError,
    UnprocessableEntityError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_provider_huggingface import HuggingFace

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
HI = [{"role": "user", "content": "Hi"}]


def provider(**settings: Any) -> HuggingFace:
    return HuggingFace(ProviderSettings(**{"api_key": "k", **settings}))


def ask(operation: Operation = "chat", model: str = LLAMA, **body: Any) -> ModelRequest:
    members = {
        "chat": {"messages": HI},
        "embeddings": {"input": "a"},
        "rerank": {"query": "q", "documents": ["a", "b"]},
    }
    return ModelRequest(operation, model, {"model": model, **members[operation], **body})


def built(request: ModelRequest, **settings: Any) -> tuple[str, Body]:
    found = provider(**settings).build_request(request)
    assert isinstance(found.body, bytes)
    return found.url, json.loads(found.body)


def answer(request: ModelRequest, value: Any, **headers: str) -> Body:
    fields = Headers((name.replace("_", "-"), text) for name, text in headers.items())
    found = provider(api_base="http://h").parse_response(
        request, UpstreamReply(200, fields, json.dumps(value).encode())
    )
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://h", "http://h/v1/chat/completions"),
        ("http://h/", "http://h/v1/chat/completions"),
        ("http://h/v1", "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
    ],
)
def test_an_endpoint_may_be_named_in_several_ways(base: str, url: str) -> None:
    assert built(ask(), api_base=base)[0] == url
    assert built(ask(model="tgi"), api_base=base)[1]["model"] == "tgi"


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        (LLAMA, LLAMA),
        (f"{LLAMA}:groq", f"{LLAMA}:groq"),
        (f"{LLAMA}:fastest", f"{LLAMA}:fastest"),
        (f"together/{LLAMA}", f"{LLAMA}:together"),
        ("gpt2", "gpt2"),
    ],
)
def test_a_model_may_say_who_runs_it(model: str, sent: str) -> None:
    assert built(ask(model=model)) == (
        "https://router.huggingface.co/v1/chat/completions",
        {"model": sent, "messages": HI},
    )
    assert built(ask(model=model), api_base="http://h")[1]["model"] == model


def test_an_endpoint_may_be_open() -> None:
    with pytest.raises(AuthenticationError):
        provider(api_key=None).build_request(ask())
    fields = provider(api_key=None, api_base="http://h").build_request(ask()).headers
    assert fields == [("content-type", "application/json")]


def test_an_organization_pays() -> None:
    assert ("x-hf-bill-to", "acme") in provider(organization="acme").build_request(ask()).headers
    mine = provider(organization="acme", extra_headers={"X-HF-Bill-To": "me"}).build_request(ask()).headers
    assert [value for name, value in mine if name == "x-hf-bill-to"] == ["me"]


def test_effort_is_for_those_who_have_one() -> None:
    for model, has in ((LLAMA, False), ("openai/gpt-oss-120b:cerebras", True)):
        assert ("reasoning_effort" in (provider().supported_params(model, "chat") or ())) is has


# -- embeddings ----------------------------------------------------------------------------------------------------


def test_where_features_come_from() -> None:
    body = {"inputs": ["a"], "normalize": True}
    routed = "https://router.huggingface.co/hf-inference/models/BAAI/bge-m3/pipeline/feature-extraction"
    for model in ("BAAI/bge-m3", "hf-inference/BAAI/bge-m3"):
        assert built(ask("embeddings", model, normalize=True, user="u")) == (routed, body)
    assert built(ask("embeddings", normalize=True), api_base="http://h") == ("http://h/", body)
    assert built(ask("embeddings", normalize=True), api_base="http://h/embed") == ("http://h/embed", body)
    url, sent = built(ask("embeddings", encoding_format="base64"), api_base="http://h/v1")
    assert (url, sent["input"], sent["encoding_format"]) == ("http://h/v1/embeddings", "a", "base64")
    for model in ("../admin", "a//b"):
        with pytest.raises(BadRequestError):
            built(ask("embeddings", model))
    with pytest.raises(BadRequestError):
        built(ask("embeddings", input=[1, 2]))


@pytest.mark.parametrize(
    ("found", "vectors"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
        ([1.0, 2.0], [[1.0, 2.0]]),
        ([[[1.0, 2.0], [3.0, 4.0]]], [[2.0, 3.0]]),
        ([[[[1.0, 2.0], [3.0, 4.0]]]], [[2.0, 3.0]]),
        ({"embeddings": [[1.0]]}, [[1.0]]),
        ([{"embedding": [1.0]}], [[1.0]]),
    ],
)
def test_vectors_of_every_form(found: Any, vectors: list[list[float]]) -> None:
    data = answer(ask("embeddings"), found)["data"]
    assert [each["embedding"] for each in data] == vectors


def test_openais_form_passes() -> None:
    whole = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}], "model": "m"}
    assert answer(ask("embeddings"), whole) == whole


def test_what_tei_has_counted_is_usage() -> None:
    assert answer(ask("embeddings"), [[1.0]], x_compute_tokens="7")["usage"]["prompt_tokens"] == 7
    for odd in ("", "x", "-1", "٣", "9" * 20):
        reply = UpstreamReply(200, Headers([("x-compute-tokens", odd)]), b"[[1.0]]")
        assert "usage" not in provider().parse_response(ask("embeddings"), reply)  # type: ignore[operator]


# -- rerank --------------------------------------------------------------------------------------------------------


def test_rerank() -> None:
    asked = ask("rerank", top_n=1, return_documents=True, documents=[{"text": "a"}, "b"], truncate=True)
    assert built(asked, api_base="http://h") == (
        "http://h/rerank",
        {"query": "q", "texts": ["a", "b"], "return_text": True, "truncate": True},
    )
    found = answer(asked, [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9, "text": "b"}])
    assert found["results"] == [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}]
    with pytest.raises(UnsupportedCapabilityError):
        built(asked)


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (503, {"error": "Model X is currently loading", "estimated_time": 20.0}, ServiceUnavailableError),
        (400, {"error": ["Error in `inputs`: field required", "and more"]}, BadRequestError),
        (424, {"error": "Request failed during generation", "error_type": "generation"}, BadGatewayError),
        (422, {"error": "`inputs` cannot be empty", "error_type": "Validation"}, UnprocessableEntityError),
        (413, {"error": "`inputs` must have less than 512 tokens. Given: 600"}, ContextWindowExceededError),
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, RateLimitError),
        (400, {"error": {"message": "This model's maximum context length is 5"}}, ContextWindowExceededError),
    ],
)
def test_errors(status: int, body: Body, wanted: type[GatewayError]) -> None:
    error = provider().parse_error(status, Headers(), json.dumps(body).encode())
    assert type(error) is wanted
    assert error.retry_after == (20.0 if status == 503 else None)
    if isinstance(body["error"], list):
        assert error.message == "Error in `inputs`: field required; and more"


def test_an_error_with_status_200() -> None:
    with pytest.raises(GatewayError, match="loading"):
        answer(ask("embeddings"), {"error": "loading"})


values = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=3)
junk = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["embedding", "error", "x"]), inner),
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(junk)
def test_any_body_is_an_answer_or_an_error(value: Any) -> None:
    body = json.dumps(value).encode()
    for operation in ("embeddings", "rerank", "chat"):
        with suppress(GatewayError):
            provider(api_base="http://h").parse_response(ask(operation), UpstreamReply(200, Headers(), body))
    provider().parse_error(400, Headers(), body)
