"""What is Cohere's own: requests, citations, streams, embeddings, rerank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    GatewayError,
    InternalServerError,
    RequestTimeoutError,
)
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, Operation, ProviderSettings
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_cohere import Cohere, CohereChat

SAMPLES = Path(__file__).parent / "samples"
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("f", "g")]


def cohere(**settings: Any) -> Cohere:
    return Cohere(ProviderSettings(api_key="k", **settings))


def sent(operation: Operation = "chat", model: str = "m", **body: Any) -> Any:
    if operation == "chat":
        body.setdefault("messages", [{"role": "user", "content": "Hi"}])
    built = cohere().build_request(ModelRequest(operation, model, {"model": model, **body}))
    assert isinstance(built.body, bytes)
    return json.loads(built.body)


def parsed(answer: Any, operation: Operation = "chat", **body: Any) -> Any:
    reply = UpstreamReply(200, Headers(), json.dumps(answer).encode())
    return cohere().parse_response(ModelRequest(operation, "m", body), reply)


@pytest.mark.parametrize(
    "base", ["http://v", "http://v/", "http://v/v2", "http://v/v2/chat", "http://v/v1/embed/", "http://v/v2/rerank"]
)
def test_addresses(base: str) -> None:
    provider = cohere(api_base=base)
    body = {"model": "m", "query": "q", "documents": ["d"]}
    assert provider.build_request(ModelRequest("rerank", "m", dict(body))).url == "http://v/v2/rerank"
    assert provider.build_request(ModelRequest("rerank", "m", {**body, "return_documents": True})).url.endswith(
        "/v1/rerank"
    )


def test_both_names() -> None:
    assert CohereChat(ProviderSettings(api_key="k")).name == "cohere_chat"


def test_parameters_under_cohere_s_names() -> None:
    body = sent(top_p=0.5, top_k=3, stop="END", user="u", max_tokens=1, max_completion_tokens=2, safety_mode="OFF")
    del body["messages"], body["model"]
    assert body == {"p": 0.5, "k": 3, "stop_sequences": ["END"], "max_tokens": 2, "safety_mode": "OFF"}


def test_messages() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "a"},
        {"role": "user", "name": "ann", "content": [{"type": "image_url", "image_url": "https://e.com/a.png"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call],
            "reasoning_content": "Hm.",
            "provider_specific_fields": {"tool_plan": "I will."},
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
        {"role": "assistant", "content": None},
    ]
    del (expected := dict(call))["index"]
    assert sent(messages=messages)["messages"] == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]},
        {"role": "assistant", "tool_plan": "I will.", "tool_calls": [expected]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": ""},
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "function", "content": "x"},
        {"role": "user", "content": 5},
        {"role": "user", "content": ["text"]},
        {"role": "user", "content": [{"type": "file", "file": {}}]},
    ],
)
def test_messages_that_cannot_be_said(message: Any) -> None:
    with pytest.raises(BadRequestError):
        sent(messages=[message])


def test_the_choice_among_tools() -> None:
    assert "tool_choice" not in sent(tools=TOOLS, tool_choice="auto")
    assert "tool_choice" not in sent(tool_choice="required")
    for choice in ("any", {"type": "function", "function": {"name": "h"}}, {"type": "function"}):
        with pytest.raises(BadRequestError):
            sent(tools=TOOLS, tool_choice=choice)


@pytest.mark.parametrize(
    ("asked", "thinking"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "medium"}, {"type": "enabled", "token_budget": 4096}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"reasoning_effort": "low", "thinking": {"type": "disabled"}}, {"type": "disabled"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 7}}, {"type": "enabled", "token_budget": 7}),
    ],
)
def test_thinking(asked: Any, thinking: Any) -> None:
    assert sent(**asked)["thinking"] == thinking


def test_who_thinks() -> None:
    for model, thinks in (("command-a-reasoning-08-2025", True), ("command-r-plus-08-2024", False)):
        supported = cohere().supported_params(model, "chat")
        assert supported is not None
        assert ("reasoning_effort" in supported) is thinks


# -- answers ---------------------------------------------------------------------------------------------------


def test_citations_are_annotations() -> None:
    citation = {
        "start": 0,
        "end": 5,
        "text": "Paris",
        "sources": [
            {"type": "document", "id": "d1", "document": {"url": "https://e.com", "title": "E"}},
            {"type": "tool", "id": "t:0"},
            None,
        ],
    }
    said = {"content": [{"type": "text", "text": "Paris"}], "citations": [citation, None]}
    message = parsed({"message": said, "finish_reason": "COMPLETE"})["choices"][0]["message"]
    place = {"start_index": 0, "end_index": 5}
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {**place, "title": "E", "url": "https://e.com"}},
        {"type": "url_citation", "url_citation": {**place, "title": "", "url": "source:t:0"}},
    ]
    assert message["provider_specific_fields"] == {"citations": [citation]}


def test_log_probabilities() -> None:
    logprobs = [{"text": "Par", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"text": "x"}, None]
    answer = {"message": {"content": "Par"}, "finish_reason": "COMPLETE", "logprobs": logprobs}
    content = parsed(answer)["choices"][0]["logprobs"]["content"]
    assert content == [{"token": "Par", "logprob": -0.75, "bytes": [80, 97, 114], "top_logprobs": []}]


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"tokens": {"input_tokens": 7.0, "output_tokens": 2}}, (7, 2, 9)),
        ({"billed_units": {"input_tokens": 3, "output_tokens": 1}}, (3, 1, 4)),
        ({"tokens": {}, "billed_units": {"output_tokens": 1}}, (0, 1, 1)),
        ({"tokens": {"input_tokens": True}}, None),
        (None, None),
    ],
)
def test_usage(usage: Any, counts: Any) -> None:
    answer = parsed({"message": {"content": "x"}, "finish_reason": "COMPLETE", "usage": usage})
    found = answer.get("usage")
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert (found and tuple(found[name] for name in names)) == counts


@pytest.mark.parametrize(("reason", "error"), [("ERROR", InternalServerError), ("TIMEOUT", RequestTimeoutError)])
def test_answers_that_failed(reason: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parsed({"message": {"content": "x"}, "finish_reason": reason})
    decoder = cohere().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    decoder.feed(event("message-end", delta={"finish_reason": reason}))
    assert isinstance(decoder.error, error)


def test_statuses_of_cohere_s_own() -> None:
    error = cohere().parse_error(498, Headers(), b'{"message": "invalid token"}')
    assert (type(error), error.http_status) == (AuthenticationError, 498)
    assert cohere().parse_error(499, Headers(), b"").http_status == 500


# -- streams ---------------------------------------------------------------------------------------------------


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def call_events(index: int, name: str, *arguments: str) -> list[bytes]:
    function = {"name": name, "arguments": ""}
    begin = {"message": {"tool_calls": {"id": f"{name}_{index}", "type": "function", "function": function}}}
    pieces = [{"message": {"tool_calls": {"function": {"arguments": piece}}}} for piece in arguments]
    return [
        event("tool-call-start", index=index, delta=begin),
        *(event("tool-call-delta", index=index, delta=piece) for piece in pieces),
        event("tool-call-end", index=index),
    ]


def streamed(*events: bytes) -> Any:
    decoder = cohere().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    chunks = [chunk for each in events for chunk in decoder.feed(each)] + decoder.finish()
    assert decoder.complete, decoder.error
    return merge_chunks(chunks)


END = event(
    "message-end", delta={"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 2}}}
)


def test_streamed_calls_are_numbered_anew_and_have_arguments() -> None:
    plan = event("tool-plan-delta", delta={"message": {"tool_plan": "I will."}})
    merged = streamed(plan, *call_events(4, "f", '{"a":', "1}"), *call_events(9, "g"), END)
    choice = merged["choices"][0]
    assert [(c["id"], c["function"]) for c in choice["message"]["tool_calls"]] == [
        ("f_4", {"name": "f", "arguments": '{"a":1}'}),
        ("g_9", {"name": "g", "arguments": "{}"}),
    ]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == "I will."
    assert choice["message"]["provider_specific_fields"] == {"tool_plan": "I will."}
    assert merged["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_streamed_citations() -> None:
    citation = {"start": 0, "end": 1, "sources": [{"id": "d"}]}
    merged = streamed(event("citation-start", index=0, delta={"message": {"citations": citation}}), END)
    assert merged["choices"][0]["message"]["annotations"][0]["url_citation"]["url"] == "source:d"


def test_what_a_stream_may_hold_besides() -> None:
    odd = [event("debug", prompt="x"), event("citation-end"), event("tool-call-delta", index=5), event("content-end")]
    merged = streamed(*odd, b"data: [DONE]\n\n", END)
    assert merged["choices"][0]["message"] == {"role": "assistant", "content": None}


def test_an_error_in_place_of_an_event() -> None:
    decoder = cohere().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    decoder.feed(b'data: {"message": "too many requests"}\n\n')
    assert isinstance(decoder.error, GatewayError)
    assert decoder.error.message == "too many requests"


SOME_STREAM = b"".join([(SAMPLES / f"{name}.stream.sse").read_bytes() for name in ("tools", "reasoning")])


@given(st.integers(0, len(SOME_STREAM)), st.binary(max_size=200))
def test_a_stream_of_anything_raises_nothing(at: int, junk: bytes) -> None:
    decoder = cohere().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    decoder.feed(SOME_STREAM[:at] + junk)
    decoder.finish()
    assert decoder.error is None or isinstance(decoder.error, GatewayError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["message-start", "content-delta", "tool-call-start", "tool-call-delta", "citation-start", "message-end"]
)
MEMBERS = st.sampled_from(["content", "tool_calls", "citations", "tool_plan"])


@given(KINDS, MEMBERS, JSON, JSON)
def test_events_of_anything_raise_nothing(kind: str, member: str, value: Any, index: Any) -> None:
    decoder = cohere().stream_decoder(ModelRequest("chat", "m", {}, stream=True))
    decoder.feed(event(kind, index=index, delta={"message": {member: value}, "usage": value, "finish_reason": value}))
    decoder.finish()


# -- embeddings and rerank -------------------------------------------------------------------------------------

PICTURE = "data:image/png;base64,aGk="


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a", {"texts": ["a"], "input_type": "search_document"}),
        (PICTURE, {"images": [PICTURE], "input_type": "image"}),
        (
            ["a", PICTURE, {"content": [{"type": "text", "text": "b"}]}],
            {
                "inputs": [
                    {"content": [{"type": "text", "text": "a"}]},
                    {"content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
                    {"content": [{"type": "text", "text": "b"}]},
                ],
                "input_type": "search_document",
            },
        ),
    ],
)
def test_what_can_be_embedded(given: Any, wanted: Any) -> None:
    assert sent("embeddings", input=given) == {"model": "m", **wanted}


def test_tokens_cannot_be_embedded() -> None:
    with pytest.raises(BadRequestError):
        sent("embeddings", input=[[1, 2], [3]])


def test_types_of_embeddings() -> None:
    body = sent("embeddings", input="a", encoding_format=["int8", "float"], dimensions=256, input_type="clustering")
    assert body["embedding_types"] == ["int8", "float"]
    assert (body["output_dimension"], body["input_type"]) == (256, "clustering")
    both = {"int8": [[1]], "float": [[0.5]], "uint8": None}
    units = {"input_tokens": 2, "image_tokens": 5}
    answer = parsed({"embeddings": both, "meta": {"billed_units": units}}, "embeddings")
    assert [(each["type"], each["embedding"]) for each in answer["data"]] == [("int8", [1]), ("float", [0.5])]
    assert answer["usage"]["prompt_tokens"] == 7
    assert parsed({"embeddings": [[0.5]]}, "embeddings")["data"][0]["embedding"] == [0.5]
    with pytest.raises(BadGatewayError):
        parsed({"embeddings": "none"}, "embeddings")


def test_documents_are_texts() -> None:
    documents = ["a", {"text": "b"}, {"title": "c"}]
    assert sent("rerank", query="q", documents=documents)["documents"] == ["a", "b", '{"title":"c"}']
    assert sent("rerank", query="q", documents=documents, rank_fields=["title"])["documents"] == documents
