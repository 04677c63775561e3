"""What is Cloudflare's own: accounts, addresses, the envelope, rerank, images, errors."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    NotFoundError,
    RateLimitError,
    UnsupportedParamsError,
)
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, Operation
from tianji_provider_cloudflare import Cloudflare, CloudflareSettings

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

LLAMA = "@cf/meta/llama-3.1-8b-instruct"
FLUX = "@cf/black-forest-labs/flux-1-schnell"
ASKED: dict[Operation, Body] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "rerank": {"query": "q", "documents": ["a", {"text": "b"}]},
    "images": {"prompt": "A fox"},
}


def provider(**settings: Any) -> Cloudflare:
    return Cloudflare(CloudflareSettings.model_validate({"api_key": "k", "account_id": "acc0", **settings}))


def ask(operation: Operation = "chat", model: str = LLAMA, *, drop: bool = False, **body: Any) -> ModelRequest:
    return ModelRequest(operation, model, {"model": model, **ASKED[operation], **body}, drop_params=drop)


def url(request: ModelRequest, **settings: Any) -> str:
    return provider(**settings).build_request(request).url


def sent(request: ModelRequest) -> Body:
    built = provider().build_request(request)
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def answer(request: ModelRequest, value: Any, content_type: str = "application/json") -> Body:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    reply = UpstreamReply(200, Headers([("content-type", content_type)]), body)
    found = provider().parse_response(request, reply)
    assert isinstance(found, dict)
    return found


# -- addresses -----------------------------------------------------------------------------------------------------


def test_an_account_is_needed() -> None:
    with pytest.raises(ValueError, match="CLOUDFLARE_ACCOUNT_ID"):
        provider(account_id=None)
    environ = {"CLOUDFLARE_ACCOUNT_ID": "acc1"}
    expected = "https://api.cloudflare.com/client/v4/accounts/acc1/ai/v1/chat/completions"
    assert url(ask(), account_id=None, environ=environ) == expected
    assert "/accounts/a%2F..%2Fb/" in url(ask(), account_id="a/../b")


@pytest.mark.parametrize(
    ("base", "chat", "run"),
    [
        (
            "http://h/accounts/a/ai/v1",
            "http://h/accounts/a/ai/v1/chat/completions",
            f"http://h/accounts/a/ai/run/{FLUX}",
        ),
        (
            "http://h/accounts/a/ai/run/",
            "http://h/accounts/a/ai/v1/chat/completions",
            f"http://h/accounts/a/ai/run/{FLUX}",
        ),
        (
            "http://g/a/gw/workers-ai/v1",
            "http://g/a/gw/workers-ai/v1/chat/completions",
            f"http://g/a/gw/workers-ai/{FLUX}",
        ),
    ],
)
def test_bases(base: str, chat: str, run: str) -> None:
    assert url(ask(), api_base=base) == chat
    assert url(ask("images", FLUX), api_base=base, account_id=None) == run


def test_a_models_name_leads_nowhere_else() -> None:
    with pytest.raises(BadRequestError):
        url(ask("images", "@cf/../../../zones"))


# -- chat ----------------------------------------------------------------------------------------------------------


def test_what_models_take() -> None:
    assert "reasoning_effort" not in (provider().supported_params(LLAMA, "chat") or ())
    assert "reasoning_effort" in (provider().supported_params("@cf/openai/gpt-oss-20b", "chat") or ())
    assert sent(ask(user="u", messages=[{"role": "developer", "content": "x"}])) == {
        "model": LLAMA,
        "messages": [{"role": "system", "content": "x"}],
    }


def test_a_failure_with_status_200_is_one() -> None:
    failed = {"result": None, "success": False, "errors": [{"code": 3001, "message": "AiError: x"}], "messages": []}
    for operation in ASKED:
        with pytest.raises(GatewayError, match="AiError: x"):
            answer(ask(operation), failed)


# -- rerank and images ---------------------------------------------------------------------------------------------


def test_rerank() -> None:
    asked = ask("rerank", "@cf/baai/bge-reranker-base", top_n=2, return_documents=True)
    assert sent(asked) == {"query": "q", "contexts": [{"text": "a"}, {"text": "b"}], "top_k": 2}
    found = answer(asked, {"result": {"response": [{"id": 0, "score": 0.1}, {"id": 1, "score": 0.9}]}, "success": True})
    assert found["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
    ]
    with pytest.raises(BadGatewayError):
        answer(asked, {"result": {}, "success": True})


def test_images() -> None:
    assert sent(ask("images", FLUX, size="512x256", steps=4, user="u")) == {
        "prompt": "A fox",
        "width": 512,
        "height": 256,
        "steps": 4,
    }
    assert sent(ask("images", FLUX, size="auto", response_format="b64_json")) == {"prompt": "A fox"}
    assert answer(ask("images"), b"png", "image/png")["data"] == [{"b64_json": "cG5n"}]
    assert answer(ask("images"), {"result": {"image": "AAAA"}, "success": True})["data"] == [{"b64_json": "AAAA"}]
    with pytest.raises(BadGatewayError):
        answer(ask("images"), {"result": {"image": ""}, "success": True})
    with pytest.raises(BadRequestError):
        sent(ask("images", FLUX, size="big"))
    with pytest.raises(UnsupportedParamsError):
        sent(ask("images", FLUX, response_format="url"))
    assert sent(ask("images", FLUX, response_format="url", drop=True)) == {"prompt": "A fox"}


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "text", "wanted"),
    [
        (400, 5007, "AiError: No such model @cf/x or task", NotFoundError),
        (429, 3036, "You have used up your daily free allocation of 10,000 neurons", RateLimitError),
        (413, 5021, "AiError: 9001 tokens exceeded this model context window limit (8192)", ContextWindowExceededError),
        (400, 5006, "AiError: required properties at '/' are 'prompt'", BadRequestError),
    ],
)
def test_errors(status: int, code: int, text: str, wanted: type[GatewayError]) -> None:
    body = {"result": None, "success": False, "errors": [{"code": code, "message": text}], "messages": []}
    error = provider().parse_error(status, Headers(), json.dumps(body).encode())
    assert type(error) is wanted
    assert error.message == text


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "response", "image", "success", "errors", "id", "score"]), inner)
    ),
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(junk)
def test_any_body_is_an_answer_or_an_error(value: Any) -> None:
    for operation in ASKED:
        with suppress(GatewayError):
            answer(ask(operation), value)
    provider().parse_error(400, Headers(), json.dumps(value).encode())
