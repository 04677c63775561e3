"""Which calls OpenAI gets through its Responses API, and what is refused there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadGatewayError, RateLimitError, UnsupportedParamsError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, StoredRequest
from tianji_provider_openai import OpenAI, OpenAISettings, OpenAIText

FLAG = "use_chat_completions_url_for_anthropic_messages"
CHAT, RESPONSES = "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/responses"


def provider(**settings: Any) -> OpenAI:
    return OpenAI(OpenAISettings.model_validate({"api_key": "k", **settings}))


def ask(model: str, dialect: str = "openai", *, drop: bool = False, **body: Any) -> ModelRequest:
    messages = [{"role": "user", "content": "Hi"}]
    full = {"model": model, "messages": messages, **body}
    return ModelRequest("chat", model, full, drop_params=drop, dialect=dialect)


def sent(request: ModelRequest, **settings: Any) -> tuple[str, Any]:
    built = provider(**settings).build_request(request)
    assert isinstance(built.body, bytes)
    return built.url, json.loads(built.body)


def reply(**body: Any) -> UpstreamReply:
    return UpstreamReply(200, Headers(), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-4o", CHAT),
        ("gpt-5", CHAT),
        ("gpt-5.1", CHAT),
        ("o3", CHAT),
        ("o3-mini", CHAT),
        ("gpt-4o-search-preview", CHAT),
        ("prompt-pro", CHAT),
        ("gpt-5-pro", RESPONSES),
        ("gpt-5.2-pro-2025-12-11", RESPONSES),
        ("o1-pro", RESPONSES),
        ("o3-pro-2025-06-10", RESPONSES),
        ("gpt-5-codex", RESPONSES),
        ("gpt-5.1-codex-max", RESPONSES),
        ("codex-mini-latest", RESPONSES),
        ("o4-mini-deep-research", RESPONSES),
        ("computer-use-preview", RESPONSES),
        ("responses/gpt-4o", RESPONSES),
    ],
)
def test_models(model: str, url: str) -> None:
    went, body = sent(ask(model))
    assert went == url
    assert body["model"] == model.removeprefix("responses/")


def test_rows_say_it_by_their_mode() -> None:
    assert sent(ask("gpt-4o"), mode="responses")[0] == RESPONSES
    assert sent(ask("gpt-4o"), mode="chat")[0] == CHAT


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_dialects(dialect: str) -> None:
    assert sent(ask("gpt-4o", dialect))[0] == RESPONSES
    assert sent(ask("gpt-4o", dialect), **{FLAG: True})[0] == (CHAT if dialect == "messages" else RESPONSES)


def test_other_operations_are_not_concerned() -> None:
    request = ModelRequest("embeddings", "e", {"model": "e", "input": "x"}, dialect="messages")
    assert sent(request, mode="responses")[0].endswith("/embeddings")
    assert OpenAIText.native_dialects == frozenset()


def test_models_that_think_search_the_web_there() -> None:
    url, body = sent(ask("gpt-5", web_search_options={}))
    assert (url, body["tools"]) == (RESPONSES, [{"type": "web_search"}])
    assert sent(ask("gpt-4o-search-preview", web_search_options={}))[0] == CHAT
    supported = provider().supported_params("gpt-5", "chat")
    assert supported is not None
    assert "web_search_options" in supported


def test_the_state_of_reasoning_is_asked_for_where_there_is_one() -> None:
    assert sent(ask("gpt-5", "messages"))[1]["include"] == ["reasoning.encrypted_content"]
    assert "include" not in sent(ask("gpt-4o", "messages"))[1]


def test_supported_params() -> None:
    supported = provider().supported_params("o3-pro", "chat")
    assert supported is not None
    assert {"tools", "reasoning_effort", "max_tokens", "store", "web_search_options"} <= supported
    assert not {"n", "stop", "seed", "logit_bias", "functions", "presence_penalty", "top_p"} & supported
    chat = provider().supported_params("gpt-4o", "chat")
    assert chat is not None
    assert {"n", "stop", "seed"} <= chat


def test_what_responses_have_nothing_for_is_refused_or_dropped() -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        sent(ask("responses/gpt-4o", seed=1, n=1))
    assert caught.value.param == "seed"
    assert "seed" not in sent(ask("responses/gpt-4o", seed=1, drop=True))[1]
    with pytest.raises(UnsupportedParamsError):
        sent(ask("o3-pro", temperature=0.2))


def test_what_only_anthropic_has_is_left_out_for_its_clients() -> None:
    asked = {"top_k": 5, "user": "u" * 100, "stop": ["END"]}
    body = sent(ask("gpt-4o", "messages", **asked))[1]
    assert "top_k" not in body
    assert "stop" not in body
    assert body["user"] == "u" * 64
    chat = sent(ask("gpt-4o", "messages", **asked), **{FLAG: True})[1]
    assert "top_k" not in chat
    assert chat["stop"] == ["END"]
    assert sent(ask("gpt-4o", top_k=5))[1]["top_k"] == 5


def test_stop_sequences_of_messages_clients_are_heeded_here() -> None:
    content = [{"type": "output_text", "text": "one END two"}]
    whole = reply(status="completed", output=[{"type": "message", "content": content}])
    answer = provider().parse_response(ask("gpt-4o", "messages", stop=["END"]), whole)
    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"] == "one "
    unasked = provider().parse_response(ask("gpt-4o", "messages"), whole)
    assert isinstance(unasked, dict)
    assert unasked["choices"][0]["message"]["content"] == "one END two"


def test_native_bodies_lose_the_prefix_only() -> None:
    request = ModelRequest("chat", "responses/gpt-4o", {"model": "responses/gpt-4o", "input": "Hi"})
    built = provider(api_base="https://x.test/v1/chat/completions").build_native("responses", request)
    assert built.url == "https://x.test/v1/responses"
    assert built.body == b'{"model":"gpt-4o","input":"Hi"}'


def test_failures_told_with_a_good_status() -> None:
    failed = reply(status="failed", output=[], error={"code": "rate_limit_exceeded", "message": "Slow down"})
    with pytest.raises(RateLimitError, match="Slow down"):
        provider().parse_response(ask("o3-pro"), failed)


@pytest.mark.parametrize("body", [{"status": "queued", "output": []}, {"status": ["x"], "output": []}, {"choices": []}])
def test_what_is_no_answer(body: Any) -> None:
    with pytest.raises(BadGatewayError):
        provider().parse_response(ask("o3-pro"), reply(**body))


def test_what_is_kept_there() -> None:
    vendor = provider()
    assert vendor.remembers <= vendor.native_dialects
    query = (("include", "a b"), ("include", "c"))
    built = vendor.build_stored("responses", StoredRequest("GET", ("resp_1", "input_items"), query))
    assert (built.method, built.body) == ("GET", b"")
    assert built.url == f"{RESPONSES}/resp_1/input_items?include=a+b&include=c"
    assert ("authorization", "Bearer k") in built.headers
    assert vendor.build_stored("responses", StoredRequest("DELETE", ("a/../b",))).url == f"{RESPONSES}/a%2F..%2Fb"


def test_counting_and_compaction() -> None:
    body = {"model": "x", "input": "Hi", "temperature": 1, "store": False}
    counted = provider().build_count("responses", ModelRequest("chat", "responses/gpt-5", dict(body)))
    assert counted is not None
    assert counted.url == f"{RESPONSES}/input_tokens"
    assert isinstance(counted.body, bytes)
    assert json.loads(counted.body) == {"model": "gpt-5", "input": "Hi"}
    assert provider().build_count("messages", ModelRequest("chat", "gpt-5", dict(body))) is None
    compact = provider().build_native("responses_compact", ModelRequest("chat", "responses/gpt-5", {"input": []}))
    assert compact.url == f"{RESPONSES}/compact"
    assert isinstance(compact.body, bytes)
    assert json.loads(compact.body) == {"model": "gpt-5", "input": []}
