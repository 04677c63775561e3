"""What is AI Studio's own: addresses, the key, and who fetches which file."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from tianji_core.api.errors import AuthenticationError, RateLimitError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_provider_gemini import GeminiProvider, GeminiSettings

GOOGLE = "https://generativelanguage.googleapis.com"


def provider(environ: dict[str, str] | None = None, **settings: Any) -> GeminiProvider:
    return GeminiProvider(GeminiSettings.model_validate({"api_key": "k", "environ": environ or {}, **settings}))


def chat(content: Any = "Hi", model: str = "gemini-2.5-flash") -> ModelRequest:
    return ModelRequest("chat", model, {"model": model, "messages": [{"role": "user", "content": content}]})


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, f"{GOOGLE}/v1beta/models/"),
        ({"api_version": "v1alpha"}, f"{GOOGLE}/v1alpha/models/"),
        ({"api_base": GOOGLE}, f"{GOOGLE}/v1beta/models/"),
        ({"api_base": f"{GOOGLE}/v1"}, f"{GOOGLE}/v1/models/"),
        ({"api_base": "https://proxy.example/"}, "https://proxy.example/models/"),
        ({"environ": {"GEMINI_API_BASE": "https://p.example/v1beta"}}, "https://p.example/v1beta/models/"),
    ],
)
def test_addresses(settings: Any, start: str) -> None:
    assert provider(**settings).build_request(chat()).url == f"{start}gemini-2.5-flash:generateContent"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("a/../b", "models/a%2F..%2Fb"),
    ],
)
def test_models_in_the_address(model: str, path: str) -> None:
    assert provider().build_request(chat(model=model)).url == f"{GOOGLE}/v1beta/{path}:generateContent"


def test_a_key_has_to_be_there() -> None:
    with pytest.raises(AuthenticationError, match="GEMINI_API_KEY"):
        provider(api_key=None).build_request(chat())


def test_quotas_say_when_to_come_again() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    body = json.dumps({"error": {"code": 429, "message": "Quota.", "details": [info]}}).encode()
    error = provider().parse_error(429, Headers(), body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 34.5
    assert error.provider == "gemini"


class Files:
    """A network on which a file stands at every address."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    async def download(self, url: str, *, limit: int = 0) -> Media:
        self.fetched.append(url)
        return Media("image/png", b"hi")

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError("nothing is to be fetched")


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_files_elsewhere_are_fetched_and_googles_own_are_not() -> None:
    files = Files()
    read = [
        f"{GOOGLE}/v1beta/files/a",
        "https://www.youtube.com/watch?v=x",
        "gs://b/a.png",
        "data:image/png;base64,aGk=",
    ]
    request = chat([image(url) for url in ("https://a.example/x", *read)])
    messages = request.body["messages"]
    before = copy.deepcopy(messages)
    asyncio.run(provider().prepare(request, files))
    assert files.fetched == ["https://a.example/x"]
    assert messages == before, "the caller's messages were changed"
    sent = json.loads(provider().build_request(request).body)["contents"][0]["parts"]
    assert sent[0] == {"inlineData": {"data": "aGk=", "mimeType": "image/png"}}
    assert [part["fileData"]["fileUri"] for part in sent[1:4]] == read[:3]


def test_without_files_nothing_is_touched() -> None:
    files, request = Files(), chat([image("data:image/png;base64,aGk=")])
    messages = request.body["messages"]
    asyncio.run(provider().prepare(request, files))
    asyncio.run(provider().prepare(ModelRequest("embeddings", "m", {"input": "a"}), files))
    assert request.body["messages"] is messages
    assert not files.fetched


def test_a_signature_goes_round() -> None:
    """From the answer into the id of the call, and with the history back to the vendor."""
    reply = {
        "candidates": [
            {"content": {"parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln+/=="}]}}
        ],
        "responseId": "r1",
    }
    first = chat(model="gemini-3-pro-preview")
    answer: Any = provider().parse_response(first, UpstreamReply(200, Headers(), json.dumps(reply).encode()))
    call = answer["choices"][0]["message"]["tool_calls"][0]
    kept = {"id": call["id"], "type": "function", "function": call["function"]}  # all that most clients keep
    second = chat(model="gemini-3-pro-preview")
    second.body["messages"] = [
        *first.body["messages"],
        {"role": "assistant", "content": None, "tool_calls": [kept]},
        {"role": "tool", "tool_call_id": call["id"], "content": "1"},
    ]
    contents = json.loads(provider().build_request(second).body)["contents"]
    assert contents[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln+/=="}]
    assert contents[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"content": "1"}}}]


def test_tokens_of_googles_own_requests() -> None:
    """The contents alone, or all of the request in a member."""
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    whole = {"contents": contents, "systemInstruction": {"parts": [{"text": "x"}]}}
    for model, named in (("gemini-2.5-flash", "models/gemini-2.5-flash"), ("tunedModels/x", "tunedModels/x")):
        for body, wanted in (
            ({"contents": contents}, {"contents": contents}),
            (whole, {"generateContentRequest": {**whole, "model": named}}),
        ):
            asked = ModelRequest("chat", model, dict(body), dialect="gemini", native=True)
            built = provider().build_count("gemini", asked)
            assert built is not None
            assert built.url.endswith(f"{named}:countTokens")
            assert json.loads(built.body) == wanted
