"""Responses, whole and streamed, as chat answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError, ContentPolicyViolationError, InternalServerError, RateLimitError
from tianji_core.openai_compat.by_responses.response import chat_answer, failure
from tianji_core.openai_compat.by_responses.stream import ResponsesDecoder
from tianji_core.openai_compat.errors import parse_error
from tianji_core.translate.chunks import merge_chunks
from tianji_core.translate.encrypted import encrypted_block


def response(*output, **members):
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 18,
    }
    return {
        "id": "r",
        "created_at": 1.0,
        "model": "m",
        "status": "completed",
        "output": list(output),
        "usage": usage,
    } | (members)


def text(*texts, **members):
    parts = [{"type": "output_text", "text": each, "annotations": []} for each in texts]
    return {"type": "message", "id": "msg", "role": "assistant", "content": parts} | members


def call(name="f", arguments='{"a":1}', call_id="call_1"):
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": arguments}


def reasoning(*summary, encrypted="ENC"):
    parts = [{"type": "summary_text", "text": each} for each in summary]
    return {"type": "reasoning", "id": "rs", "summary": parts, "encrypted_content": encrypted}


def events(whole):
    """The stream that says the same, as OpenAI sends it."""
    yield "response.created", {"response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    for number, item in enumerate(whole["output"]):
        at = {"output_index": number, "item_id": item.get("id")}
        yield "response.output_item.added", {**at, "item": {**item, "summary": [], "content": [], "arguments": ""}}
        for index, part in enumerate(item.get("summary") or ()):
            yield "response.reasoning_summary_part.added", {**at, "summary_index": index}
            for piece in part["text"]:
                yield "response.reasoning_summary_text.delta", {**at, "summary_index": index, "delta": piece}
        for index, part in enumerate(item.get("content") or ()):
            place = {**at, "content_index": index}
            for piece in part.get("text") or part.get("refusal"):
                kind = "refusal" if part["type"] == "refusal" else "output_text"
                yield f"response.{kind}.delta", {**place, "delta": piece}
            for annotation in part.get("annotations") or ():
                yield "response.output_text.annotation.added", {**place, "annotation": annotation}
        if item["type"] == "function_call":
            for piece in item["arguments"]:
                yield "response.function_call_arguments.delta", {**at, "delta": piece}
        yield "response.output_item.done", {**at, "item": item}
    yield f"response.{whole['status']}", {"response": whole}


def sse(found):
    return b"".join(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode() for kind, data in found)


def decoder(stops=()):
    return ResponsesDecoder(lambda status, headers, body: parse_error(status, headers, body, "openai"), stops)


def streamed(found, stops=()):
    reader = decoder(stops)
    chunks = reader.feed(sse(found)) + reader.finish()
    return reader, merge_chunks(chunks)


CITED = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2}
WHOLE = {
    "text": response(text("Hello.")),
    "parts": response(text("one ", "two"), text("three")),
    "reasoning": response(reasoning("First.", "Second."), text("Hi")),
    "silent reasoning": response(reasoning(), text("Hi")),
    "open reasoning": response(reasoning("Hm.", encrypted=None), text("Hi")),
    "two reasonings": response(reasoning("A"), reasoning("B", encrypted="ENC2"), text("Hi")),
    "calls": response(text("Look:"), call(), call("g", "{}", "call_2")),
    "refusal": response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
    "incomplete": response(text("Hel"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "cited": response(
        text("ab"),
        text("cd", "ef", content=[{"type": "output_text", "text": "cd", "annotations": [CITED]}]),
    ),
    "hosted": response({"type": "web_search_call", "id": "ws", "status": "completed"}, text("Hi")),
}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_streams_say_what_whole_answers_say(name):
    reader, merged = streamed(events(WHOLE[name]))
    assert reader.complete
    assert reader.error is None
    assert merged == chat_answer(WHOLE[name])


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_no_delta_tells_is_told_with_the_item(name):
    _, merged = streamed((kind, data) for kind, data in events(WHOLE[name]) if "delta" not in kind)
    whole = chat_answer(WHOLE[name])
    merged["choices"][0]["message"].pop("annotations", None)
    whole["choices"][0]["message"].pop("annotations", None)
    assert merged == whole


def test_an_answer():
    answer = chat_answer(response(reasoning("A", "B"), text("Hi"), call(), service_tier="default"))
    assert answer == {
        "id": "r",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "reasoning_content": "A\n\nB",
                    "thinking_blocks": [encrypted_block("A\n\nB", "ENC")],
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
                    ],
                },
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 8,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def test_annotations_count_in_the_whole_text():
    message = chat_answer(WHOLE["cited"])["choices"][0]["message"]
    assert message["content"] == "ab\n\ncd"
    cited = message["annotations"][0]["url_citation"]
    assert message["content"][cited["start_index"] : cited["end_index"]] == "cd"


@pytest.mark.parametrize(
    ("members", "items", "reason"),
    [
        ({}, [text("a")], "stop"),
        ({}, [call()], "tool_calls"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, [text("a")], "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, [call()], "length"),
        ({"status": "incomplete", "incomplete_details": None}, [text("a")], "length"),
    ],
)
def test_how_it_ended(members, items, reason):
    assert chat_answer(response(*items, **members))["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("code", "message", "cls"),
    [
        ("rate_limit_exceeded", "Slow down", RateLimitError),
        ("server_error", "Oops", InternalServerError),
        ("invalid_image_url", "No image", BadRequestError),
        ("invalid_prompt", "Invalid prompt: violating our usage policy.", ContentPolicyViolationError),
    ],
)
def test_failures(code, message, cls):
    error = {"code": code, "message": message}
    status, _ = failure(error)
    for found in (
        [("response.failed", {"response": response(status="failed", error=error)})],
        [("error", error)],
        [("error", {"error": error})],
    ):
        reader = decoder()
        reader.feed(sse(found))
        assert isinstance(reader.error, cls)
        assert reader.error.message == message
        assert not reader.complete
    assert status in (400, 429, 500)


def test_a_failure_without_words():
    assert failure(None) == (500, {"error": {"message": "The response failed."}})


def test_log_probabilities():
    told = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    item = text("Hi")
    item["content"][0]["logprobs"] = told
    assert chat_answer(response(item))["choices"][0]["logprobs"] == {"content": told, "refusal": None}
    at = {"output_index": 0, "content_index": 0}
    found = [("response.output_text.delta", {**at, "delta": "Hi", "logprobs": told})]
    _, merged = streamed([*found, ("response.completed", {"response": response(item)})])
    assert merged["choices"][0]["logprobs"] == {"content": told, "refusal": None}


def test_stop_sequences_end_the_text():
    whole = response(text("one END two"), call())
    reader, merged = streamed(events(whole), ("END",))
    assert reader.complete
    assert merged["choices"][0]["message"] == {"role": "assistant", "content": "one "}
    assert merged["choices"][0]["finish_reason"] == "stop"
    _, kept = streamed(events(response(text("one EN"), call())), ("END",))
    assert kept["choices"][0]["message"]["content"] == "one EN"


def test_a_stream_without_a_beginning_is_read():
    reader, merged = streamed(list(events(WHOLE["text"]))[1:])
    assert reader.complete
    assert merged["choices"][0]["message"]["content"] == "Hello."


def test_a_stream_that_ends_early_is_not_complete():
    reader, _ = streamed([*list(events(WHOLE["text"]))[:-1]])
    assert not reader.complete
    assert decoder().feed(b"data: [DONE]\n\n") == []


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["type", "item", "delta", "response", "output_index", "content", "summary", "usage", "error",
                         "text", "annotations", "logprobs", "status", "output", "input_tokens_details"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from([kind for kind, _ in events(WHOLE["cited"])] + ["response.failed", "error", "x"])


@given(st.lists(st.tuples(KINDS, ODD), max_size=6))
def test_odd_events_raise_nothing(found):
    reader = decoder()
    for kind, data in found:
        body = {**data, "type": kind} if isinstance(data, dict) else data
        reader.feed(f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode())
    reader.finish()


@given(st.dictionaries(st.sampled_from(["output", "usage", "status", "created_at", "incomplete_details"]), ODD))
def test_odd_answers_are_read(body):
    assert chat_answer(body)["choices"]
