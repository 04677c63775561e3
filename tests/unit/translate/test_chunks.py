"""Chunks to a whole answer and back."""

from __future__ import annotations

import copy

import pytest

from tianji_core.testing.openai_samples import RESPONSES, STREAMS
from tianji_core.translate.chunks import merge_chunks, split_response
from tianji_core.wire.sse import DONE, SSEDecoder


def chunks_of(name):
    import json

    return [json.loads(e.data) for e in SSEDecoder().feed(STREAMS[name]) if e.data != DONE]


def chunk(*choices, **more):
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": list(choices), **more}


def delta(index=0, finish=None, **members):
    return {"index": index, "delta": members, "finish_reason": finish}


def test_text():
    merged = merge_chunks(chunks_of("chat"))
    assert merged["object"] == "chat.completion"
    assert merged["choices"][0]["message"] == {
        "role": "assistant",
        "content": "The capital of France is Paris — schön. 🗼",
    }
    assert merged["choices"][0]["finish_reason"] == "stop"
    assert merged["usage"]["total_tokens"] == 27


def test_tools():
    [choice] = merge_chunks(chunks_of("parallel_tools"))["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert [c["function"] for c in choice["message"]["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"name": "get_time", "arguments": '{"tz": "CET"}'},
    ]
    assert [c["id"] for c in choice["message"]["tool_calls"]] == ["call_a1", "call_b2"]
    assert "_index" not in str(choice)


def test_reasoning_and_thinking():
    assert merge_chunks(chunks_of("reasoning"))["choices"][0]["message"]["reasoning_content"] == "France? Paris."
    blocks = [
        [{"type": "thinking", "thinking": "Let me "}],
        [{"type": "thinking", "thinking": "see."}],
        [{"type": "thinking", "signature": "sig"}],
        [{"type": "thinking", "thinking": "Again."}],
        [{"type": "redacted_thinking", "data": "x"}],
        [{"type": "redacted_thinking", "data": "y"}],
    ]
    merged = merge_chunks(chunk(delta(thinking_blocks=b)) for b in blocks)
    assert merged["choices"][0]["message"]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig"},
        {"type": "thinking", "thinking": "Again."},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "redacted_thinking", "data": "y"},
    ]


def test_several_choices_in_any_order():
    merged = merge_chunks(
        [
            chunk(delta(1, content="b"), delta(0, content="a")),
            chunk(delta(0, content="A", finish="stop")),
            chunk(delta(1, content="B", finish="length")),
        ]
    )
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in merged["choices"]] == [
        (0, "aA", "stop"),
        (1, "bB", "length"),
    ]


def test_completions_and_logprobs():
    merged = merge_chunks(chunks_of("completions"))
    assert merged["object"] == "text_completion"
    assert merged["choices"][0]["text"] == " a time."
    parts = [chunk({**delta(content=t), "logprobs": {"content": [{"token": t}], "refusal": None}}) for t in "ab"]
    assert [e["token"] for e in merge_chunks(parts)["choices"][0]["logprobs"]["content"]] == ["a", "b"]
    first = parts[0]["choices"][0]["logprobs"]["content"]
    assert first == [{"token": "a"}], "the chunks were changed"


def test_other_members():
    merged = merge_chunks(
        [
            chunk(delta(refusal="I "), system_fingerprint="f"),
            chunk(delta(refusal="won't", audio={"id": "a"}, annotations=[1], flag=True)),
            chunk(delta(audio={"data": "x"}, annotations=[2], content=None)),
            chunk(delta(function_call={"name": "f"})),
            chunk(delta(function_call={"arguments": "{}"})),
        ]
    )
    message = merged["choices"][0]["message"]
    assert message["refusal"] == "I won't"
    assert message["audio"] == {"id": "a", "data": "x"}
    assert message["annotations"] == [1, 2]
    assert message["function_call"] == {"name": "f", "arguments": "{}"}
    assert merged["system_fingerprint"] == "f"


def test_nothing():
    assert merge_chunks([]) == {"choices": []}


@pytest.mark.parametrize("name", [name for name, body in RESPONSES.items() if "choices" in body and name != "logprobs"])
def test_split_and_merged_is_the_same(name):
    body = RESPONSES[name]
    before = copy.deepcopy(body)
    chunks = split_response(body)
    assert body == before
    again = merge_chunks(copy.deepcopy(chunks))
    for choice, wanted in zip(again["choices"], before["choices"], strict=True):
        assert choice["finish_reason"] == wanted["finish_reason"]
        if "text" in wanted:
            assert choice["text"] == wanted["text"]
        else:
            assert choice["message"] == wanted["message"]
    assert again["usage"] == before["usage"]
    assert chunks[-1]["choices"] == []
