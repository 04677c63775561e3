"""Addresses, credentials, embeddings and rerank of Foundry, and Claude there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.errors import AuthenticationError, BadRequestError, ContextWindowExceededError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, Operation
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_azure_ai import AzureAI, AzureAISettings
from tianji_provider_azure_ai.address import address_of

FOUNDRY = "https://res.services.ai.azure.com"
SERVERLESS = "https://mine.eastus2.models.ai.azure.com"
QUERY = "?api-version=2024-05-01-preview"
CHAT = "/chat/completions"
CLAUDE = "claude-sonnet-4-5"


def azure_ai(**settings: Any) -> AzureAI:
    return AzureAI(AzureAISettings.model_validate({"api_base": FOUNDRY, "api_key": "k", "environ": {}, **settings}))


def ask(model: str, operation: Operation = "chat", *, stream: bool = False, **body: Any) -> ModelRequest:
    if operation == "chat":
        body.setdefault("messages", [{"role": "user", "content": "Hi"}])
    return ModelRequest(operation, model, {"model": model, **body}, stream)


def sent(provider: AzureAI, request: ModelRequest) -> tuple[str, dict[str, str], Any]:
    built = provider.build_request(request)
    assert isinstance(built.body, bytes)
    return built.url, dict(built.headers), json.loads(built.body)


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        (FOUNDRY, None, f"{FOUNDRY}/models{CHAT}{QUERY}"),
        (f"{FOUNDRY}/models", "2025-01-01", f"{FOUNDRY}/models{CHAT}?api-version=2025-01-01"),
        (f"{FOUNDRY}/models{CHAT}?api-version=x", "y", f"{FOUNDRY}/models{CHAT}?api-version=x"),
        (f"{FOUNDRY}/openai/v1/", None, f"{FOUNDRY}/openai/v1{CHAT}"),
        (SERVERLESS, None, f"{SERVERLESS}{CHAT}"),
        (f"{SERVERLESS}/v1{CHAT}", None, f"{SERVERLESS}/v1{CHAT}"),
        (
            "https://res.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            None,
            "https://res.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_addresses(base: str, version: str | None, url: str) -> None:
    assert address_of(base, version).url(CHAT) == url


@pytest.mark.parametrize(
    "base", [FOUNDRY, f"{FOUNDRY}/anthropic", f"{FOUNDRY}/anthropic/v1/messages", f"{FOUNDRY}/models"]
)
def test_other_surfaces(base: str) -> None:
    address = address_of(base, None)
    assert address.messages == f"{FOUNDRY}/anthropic/v1/messages"
    assert address.rerank == f"{FOUNDRY}/providers/cohere/v2/rerank"
    assert address_of(f"{SERVERLESS}/v1/rerank", None).rerank == f"{SERVERLESS}/v1/rerank"


def test_where_the_key_goes() -> None:
    assert sent(azure_ai(), ask("m"))[1]["api-key"] == "k"
    headers = sent(azure_ai(api_base=SERVERLESS), ask("m"))[1]
    assert headers["authorization"] == "Bearer k"
    assert "api-key" not in headers
    assert sent(azure_ai(api_key=None, azure_ad_token="t"), ask("m"))[1]["authorization"] == "Bearer t"
    with pytest.raises(AuthenticationError):
        azure_ai(api_key=None).build_request(ask(CLAUDE))


def test_rules_by_maker() -> None:
    provider = azure_ai()
    for model, taken in (("grok-3-mini", True), ("gpt-4o", False), ("gpt-oss-120b", True), ("o3", True)):
        supported = provider.supported_params(model, "chat")
        assert supported is not None
        assert ("reasoning_effort" in supported) is taken
    assert sent(provider, ask("o3", max_tokens=5))[2]["max_completion_tokens"] == 5
    assert sent(provider, ask("Llama-3.3", max_tokens=5))[2]["max_tokens"] == 5
    assert sent(azure_ai(base_model="o3"), ask("mine", max_tokens=5))[2]["max_completion_tokens"] == 5


def test_own_parameters_are_to_be_passed_on() -> None:
    assert "extra-parameters" not in sent(azure_ai(), ask("m", temperature=1))[1]
    assert sent(azure_ai(), ask("m", safe_prompt=True))[1]["extra-parameters"] == "pass-through"


def test_pictures_are_embedded_elsewhere() -> None:
    picture = "data:image/png;base64,aGk="
    url, _, body = sent(azure_ai(), ask("embed-v-4-0", "embeddings", input=[picture]))
    assert url == f"{FOUNDRY}/models/images/embeddings{QUERY}"
    assert body["input"] == [{"image": picture}]
    with pytest.raises(BadRequestError):
        azure_ai().build_request(ask("m", "embeddings", input=["text", picture]))


def test_documents_of_rerank() -> None:
    request = ask("m", "rerank", query="q", documents=["a", {"text": "b"}], return_documents=True)
    assert sent(azure_ai(), request)[2]["documents"] == ["a", "b"]
    reply = UpstreamReply(200, Headers(), b'{"results": [{"index": 1, "relevance_score": 0.5}]}')
    answer = azure_ai().parse_response(request, reply)
    assert isinstance(answer, dict)
    assert answer["results"] == [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}]


# -- Claude ----------------------------------------------------------------------------------------------------


def test_claude_speaks_its_own_format() -> None:
    request = ask(CLAUDE, max_tokens=5)
    request.headers = {"anthropic-beta": "a-beta"}
    url, headers, body = sent(azure_ai(extra_headers={"anthropic-beta": "b-beta"}), request)
    assert url == f"{FOUNDRY}/anthropic/v1/messages"
    assert headers == {
        "content-type": "application/json",
        "x-api-key": "k",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "b-beta,a-beta",
    }
    assert (body["model"], body["max_tokens"]) == (CLAUDE, 5)
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert "logprobs" not in (azure_ai().supported_params(CLAUDE, "chat") or ())
    assert "audio" not in azure_ai().features(CLAUDE)


def test_a_deployment_that_hides_claude() -> None:
    url, _, body = sent(azure_ai(base_model=CLAUDE, api_key=None, azure_ad_token="t"), ask("mine"))
    assert url.endswith("/anthropic/v1/messages")
    assert body["model"] == "mine"


def test_answers_of_claude() -> None:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": CLAUDE,
        "content": [{"type": "text", "text": "Paris."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    answer = azure_ai().parse_response(ask(CLAUDE), UpstreamReply(200, Headers(), json.dumps(message).encode()))
    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"] == "Paris."
    assert answer["usage"]["total_tokens"] == 5


def test_streams_of_claude() -> None:
    provider, request = azure_ai(), ask(CLAUDE, stream=True)
    assert not provider.relays_stream(request)
    assert provider.relays_stream(ask("m", stream=True))
    events = (
        {"type": "message_start", "message": {"id": "msg_1", "model": CLAUDE, "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Paris."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )
    data = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events).encode()
    decoder = provider.stream_decoder(request)
    merged = merge_chunks([*decoder.feed(data), *decoder.finish()])
    assert decoder.complete
    assert merged["choices"][0]["message"]["content"] == "Paris."


def test_errors_of_claude() -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens"}}
    error = azure_ai().parse_error(400, Headers(), json.dumps(body).encode())
    assert isinstance(error, ContextWindowExceededError)


class NoNetwork:
    async def fetch(self, request: Any, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError(request)

    async def download(self, url: str, *, limit: int = 0) -> Any:
        raise BadRequestError(f"asked for {url}")


def test_only_what_claude_cannot_fetch_is_downloaded() -> None:
    def asked(model: str, url: str) -> None:
        messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        asyncio.run(azure_ai().prepare(ask(model, messages=messages), NoNetwork()))

    asked("m", "http://e.com/a.png")
    asked(CLAUDE, "https://e.com/a.png")
    with pytest.raises(BadRequestError, match="asked for"):
        asked(CLAUDE, "http://e.com/a.png")
