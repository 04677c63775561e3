"""Usage of requests and answers, whole and streamed."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.accounting import count_answer, count_stream, is_reported, usage
from tianji_core.accounting.parts import (
    ANSWER_BEGINS,
    PER_FILE,
    PER_MESSAGE,
    PER_SMALL_IMAGE,
    answer_parts,
    request_parts,
)
from tianji_core.testing.openai_samples import chat_chunks
from tianji_core.wire.sse import DONE_EVENT, encode_event

pytest.importorskip("splintr")


def answer(text="Hello, world!", **message):
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text, **message}}]}


CHAT = {"messages": [{"role": "user", "content": "Hello, world!"}]}


def run(*args):
    return asyncio.run(count_answer(*args))


def test_a_chat():
    found = run("gpt-4o", "chat", CHAT, answer())
    prompt = PER_MESSAGE + 1 + 4 + ANSWER_BEGINS
    assert found.usage == {
        "prompt_tokens": prompt,
        "completion_tokens": 4,
        "total_tokens": prompt + 4,
        "estimated": True,
    }
    assert found.source == "tokenizer"
    assert run("claude-x", "chat", CHAT, answer()).source == "estimate"


def test_the_cookbooks_example():
    """OpenAI's published example, which their API counts as 129 prompt tokens for gpt-4."""
    said = [
        (
            "system",
            None,
            "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        ),
        ("system", "example_user", "New synergies will help drive top-line growth."),
        ("system", "example_assistant", "Things working well together will increase revenue."),
        (
            "system",
            "example_user",
            "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        ),
        ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
        ("user", None, "This late pivot means we don't have time to boil the ocean for the client deliverable."),
    ]
    messages = [{"role": r, "content": c, **({"name": n} if n else {})} for r, n, c in said]
    assert run("gpt-4", "chat", {"messages": messages}, answer()).usage["prompt_tokens"] == 129


def test_everything_that_costs_counts():
    bare = run("gpt-4o", "chat", CHAT, answer()).usage
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    for more in ({"tools": [tool]}, {"functions": [tool["function"]]}, {"response_format": shape}):
        assert run("gpt-4o", "chat", {**CHAT, **more}, answer()).usage["prompt_tokens"] > bare["prompt_tokens"]
    calls = [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]
    for more in ({"tool_calls": calls}, {"reasoning_content": "Hm."}, {"function_call": calls[0]["function"]}):
        assert run("gpt-4o", "chat", CHAT, answer(**more)).usage["completion_tokens"] > bare["completion_tokens"]


def test_images_and_files_have_a_flat_rate():
    content = [
        {"type": "text", "text": "Hello, world!"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}},
        {"type": "image_url", "image_url": {"url": "https://a.test/a.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "A" * 1000, "format": "wav"}},
        {"type": "file", "file": {"file_data": "A" * 1000}},
    ]
    found = request_parts("chat", {"messages": [{"role": "user", "content": content}]})
    assert found.fixed == PER_MESSAGE + ANSWER_BEGINS + 3 * PER_FILE + PER_SMALL_IMAGE
    assert found.texts == ["user", "Hello, world!"]


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("Hello, world!", 4),
        (["Hello, world!", "Hello, world!"], 8),
        ([1, 2, 3], 3),
        ([[1, 2], [3]], 3),
        ([], 0),
        (None, 0),
        ([["nested", "text"]], 0),
    ],
)
def test_inputs_of_embeddings_and_completions(value, tokens):
    found = run("text-embedding-3-small", "embeddings", {"input": value}, {"data": []}).usage
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (tokens, 0, tokens)
    body = {"choices": [{"text": "Hello, world!"}]}
    found = run("gpt-3.5-turbo-instruct", "completions", {"prompt": value}, body).usage
    assert (found["prompt_tokens"], found["completion_tokens"]) == (tokens, 4)


def events(*texts):
    deltas = [{"content": text} for text in texts]
    return [encode_event(json.dumps(chunk).encode()) for chunk in chat_chunks(*deltas)]


def test_a_stream():
    pieces = [*events("Hello", ", ", "world!"), DONE_EVENT]
    found = asyncio.run(count_stream("gpt-4o", "chat", CHAT, pieces, 0))
    assert found.usage["completion_tokens"] == 4
    assert found.source == "tokenizer"


def test_what_was_not_kept_is_like_what_was():
    pieces = events(*["word "] * 50)
    size = sum(map(len, pieces))
    once = asyncio.run(count_stream("gpt-4o", "chat", CHAT, pieces, 0)).usage["completion_tokens"]
    found = asyncio.run(count_stream("gpt-4o", "chat", CHAT, pieces, 3 * size))
    assert once == 51
    assert found.usage["completion_tokens"] == 4 * once
    assert found.source == "estimate"


def test_a_stream_of_anything():
    for piece in (
        b"data: {\n\n",
        b"data: []\n\n",
        b": ping\n\n",
        b'data: {"choices": 5}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{}]}}]}\n\n',
    ):
        assert asyncio.run(count_stream("gpt-4o", "chat", CHAT, [piece], 0)).usage["completion_tokens"] == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "image_url", "tool_calls", "function", "name", "choices", "message"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_shape_is_taken(value):
    for operation in ("chat", "completions", "embeddings"):
        body = {"messages": value, "prompt": value, "input": value, "tools": value, "response_format": value}
        parts = request_parts(operation, body)
        assert all(isinstance(text, str) for text in parts.texts)
    assert answer_parts({"choices": value}).fixed >= 0


def test_text_that_is_no_unicode():
    body = {"messages": [{"role": "user", "content": "lone \ud800 surrogate"}]}
    found = run("gpt-4o", "chat", body, answer())
    assert found.usage["prompt_tokens"] > 5
    assert found.source == "estimate"


def test_a_tokenizer_that_fails_ends_no_call(monkeypatch):
    class Panic(BaseException):
        pass

    def fail(texts, model):
        raise Panic

    monkeypatch.setattr(usage, "count_texts", fail)
    found = run("gpt-4o", "chat", CHAT, answer())
    assert found.source == "estimate"
    assert found.usage["completion_tokens"] > 0


def test_too_many_at_once_are_estimated(monkeypatch):
    monkeypatch.setattr(usage, "MOST_WAITING", 2)

    async def main():
        return await asyncio.gather(*(count_answer("gpt-4o", "chat", CHAT, answer()) for _ in range(6)))

    sources = [each.source for each in asyncio.run(main())]
    assert sources.count("tokenizer") == 2
    assert sources.count("estimate") == 4
    assert usage._waiting == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"prompt_tokens": 1}, True),
        ({"total_tokens": 1}, True),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, False),
        ({"prompt_tokens": "5"}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_what_counts_as_reported(value, said):
    assert is_reported(value) is said
