"""What Mistral does otherwise than OpenAI."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import ContextWindowExceededError, InternalServerError, UnprocessableEntityError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, Operation, ProviderSettings
from tianji_core.testing.openai_samples import chat_chunks, sse
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_mistral import CodestralText, Mistral

USER = {"role": "user", "content": "Hi"}
THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Yes."}]


def mistral(**settings: Any) -> Mistral:
    return Mistral(ProviderSettings(api_key="k", **settings))


def sent(model: str = "mistral-large-latest", **body: Any) -> Any:
    request = ModelRequest("chat", model, {"messages": [USER], **body})
    data = mistral().build_request(request).body
    assert isinstance(data, bytes)
    return json.loads(data)


def parsed(answer: Any, operation: Operation = "chat") -> Any:
    reply = UpstreamReply(200, Headers(), json.dumps(answer).encode())
    return mistral().parse_response(ModelRequest(operation, "m", {}), reply)


def streamed(*deltas: Any, finish: str = "stop") -> Any:
    decoder = mistral().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    chunks = decoder.feed(sse(*chat_chunks(*deltas, finish=finish))) + decoder.finish()
    return merge_chunks(chunks) if decoder.error is None else decoder.error


@pytest.mark.parametrize("base", ["http://v", "http://v/", "http://v/v1", "http://v/v1/chat/completions"])
def test_addresses(base: str) -> None:
    built = mistral(api_base=base).build_request(ModelRequest("chat", "m", {"messages": []}))
    assert built.url == "http://v/v1/chat/completions"
    provider = mistral(environ={"MISTRAL_API_BASE": base})
    assert provider.build_request(ModelRequest("chat", "m", {"messages": []})).url == built.url


def test_messages() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "name": "ann", "content": "x", "cache_control": {}},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Hm.", "refusal": None},
        {"role": "tool", "name": "f", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "id-1"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "https://e.com/a.pdf"}}]},
        {"role": "assistant", "content": "It is", "prefix": True},
    ]
    del (plain := dict(call))["index"]
    assert sent(messages=messages)["messages"] == [
        {"role": "system", "content": "ab"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [plain]},
        {"role": "tool", "name": "f", "tool_call_id": "c", "content": "1"},
        {"role": "user", "content": [{"type": "file", "file_id": "id-1"}]},
        {"role": "user", "content": [{"type": "document_url", "document_url": "https://e.com/a.pdf"}]},
        {"role": "assistant", "content": "It is", "prefix": True},
    ]


def test_parameters() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = sent(seed=7, user="u", tools=tools, tool_choice="required", safe_prompt=True)
    assert (body["random_seed"], body["tool_choice"], body["safe_prompt"]) == (7, "any", True)
    assert not {"seed", "user"} & body.keys()
    assert "tool_choice" not in sent(tool_choice="auto")


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("mistral-large-latest", False),
        ("mistral-small-2506", False),
        ("mistral-small-2603", True),
        ("mistral-small-latest", True),
        ("mistral-medium-3-5", True),
        ("mistral-medium-latest", False),
        ("magistral-small-2509", True),
    ],
)
def test_who_thinks(model: str, thinks: bool) -> None:
    supported = mistral().supported_params(model, "chat")
    assert supported is not None
    assert ("reasoning_effort" in supported) is thinks
    assert ("reasoning" in mistral().features(model)) is thinks


def test_magistral_always_thinks() -> None:
    assert sent("magistral-medium-latest", reasoning_effort="low")["prompt_mode"] == "reasoning"
    assert "prompt_mode" not in sent("magistral-medium-latest", reasoning_effort="none")
    assert sent("mistral-small-latest", reasoning_effort="high")["reasoning_effort"] == "high"


def test_content_in_parts() -> None:
    parts = [*THOUGHT, {"type": "reference", "reference_ids": [1, 2]}, None]
    answer = parsed({"choices": [{"index": 0, "message": {"content": parts}, "finish_reason": "model_length"}]})
    choice = answer["choices"][0]
    assert choice["message"]["content"] == "Yes."
    assert choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["provider_specific_fields"] == {"reference_ids": [1, 2]}
    assert choice["finish_reason"] == "length"


def test_content_in_parts_of_a_stream() -> None:
    choice = streamed({"content": THOUGHT[:1]}, {"content": "Y"}, {"content": [{"type": "text", "text": "es."}]})[
        "choices"
    ][0]
    assert (choice["message"]["reasoning_content"], choice["message"]["content"]) == ("Hm.", "Yes.")


def test_calls_of_a_stream_come_whole() -> None:
    calls = [{"id": i, "function": {"name": "f", "arguments": "{}"}} for i in ("a", "b")]
    choice = streamed({"content": "", "tool_calls": calls}, finish="tool_calls")["choices"][0]
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["a", "b"]


def test_a_stream_that_ends_with_an_error() -> None:
    assert isinstance(streamed({"content": "x"}, finish="error"), InternalServerError)


def test_moderations_are_flagged() -> None:
    results = [{"categories": {"pii": True}, "category_scores": {"pii": 0.9}}, {"categories": {"pii": False}}]
    answer = parsed({"id": "m", "model": "m", "results": results}, "moderations")
    assert [result["flagged"] for result in answer["results"]] == [True, False]


def test_errors() -> None:
    detail = {"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "Extra"}]}, "code": None}
    error = mistral().parse_error(422, Headers(), json.dumps(detail).encode())
    assert isinstance(error, UnprocessableEntityError)
    assert "Extra" in error.message
    text = b'{"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"}'
    assert isinstance(mistral().parse_error(400, Headers(), text), ContextWindowExceededError)


# -- fill in the middle ----------------------------------------------------------------------------------------


def test_filling_in_the_middle() -> None:
    provider = CodestralText(ProviderSettings(api_key="k"))
    request = ModelRequest("completions", "codestral-latest", {"prompt": "def f(", "suffix": "return x"})
    built = provider.build_request(request)
    assert built.url == "https://codestral.mistral.ai/v1/fim/completions"
    assert built.body == b'{"prompt":"def f(","suffix":"return x"}'
    message = {"role": "assistant", "content": "x):"}
    answer = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    parsed = provider.parse_response(request, UpstreamReply(200, Headers(), json.dumps(answer).encode()))
    assert isinstance(parsed, dict)
    assert (parsed["object"], parsed["choices"][0]["text"]) == ("text_completion", "x):")
    decoder = provider.stream_decoder(request)
    merged = merge_chunks(decoder.feed(sse(*chat_chunks({"content": "x"}, {"content": "):"}))))
    assert (merged["object"], merged["choices"][0]["text"]) == ("text_completion", "x):")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "thinking", "reference_ids", "id", "function"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_chunks_of_anything_raise_nothing(content: Any, calls: Any, finish: Any) -> None:
    delta = {"content": content, "tool_calls": calls}
    data = sse({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    for provider in (mistral(), CodestralText(ProviderSettings(api_key="k"))):
        decoder = provider.stream_decoder(ModelRequest("chat", "m", {}, stream=True))
        decoder.feed(data)
        decoder.finish()
