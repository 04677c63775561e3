"""Chat answers and chunks as Messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.testing.openai_samples import RESPONSES, STREAMS
from tianji_core.translate.chunks import merge_chunks
from tianji_core.translate.surfaces.messages import MESSAGES
from tianji_core.wire.sse import DONE, SSEDecoder

ASKED: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": []}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def call(index: int, arguments: str, ident: str | None = None, name: str | None = None) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"index": index, "function": function, **({"id": ident, "type": "function"} if ident else {})}


def events_of(chunks: list[dict[str, Any]], usage: Any = None) -> list[dict[str, Any]]:
    writer = MESSAGES.events("m", ASKED)
    data = b"".join(writer.write(each) for each in chunks) + writer.end(usage)
    found = SSEDecoder().feed(data)
    for event in found:
        assert event.event == json.loads(event.data)["type"]
    return [json.loads(event.data) for event in found]


def assembled(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What Anthropic's client makes of a stream, and a check of its order."""
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    message = events[0]["message"]
    partial = ""
    open_block: int | None = None
    for event in events[1:-2]:
        kind = event["type"]
        if kind == "content_block_start":
            assert open_block is None
            open_block = event["index"]
            assert open_block == len(message["content"])
            message["content"].append(event["content_block"])
            partial = ""
            continue
        assert event["index"] == open_block
        block = message["content"][-1]
        if kind == "content_block_stop":
            open_block = None
            if block["type"] == "tool_use":
                block["input"] = json.loads(partial or "{}")
            continue
        delta = event["delta"]
        assert kind == "content_block_delta"
        if delta["type"] == "input_json_delta":
            partial += delta["partial_json"]
        else:
            name = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta["type"]]
            block[name] += delta[name]
    assert open_block is None
    message.update(events[-2]["delta"])
    message["usage"].update(events[-2]["usage"])
    return message


@pytest.mark.parametrize("name", sorted(set(STREAMS) & set(RESPONSES) - {"completions"}))
def test_streams_say_what_whole_answers_say(name):
    chunks = [json.loads(e.data) for e in SSEDecoder().feed(STREAMS[name]) if e.data != DONE]
    whole = merge_chunks(chunks)
    answer = MESSAGES.answer({**whole, "model": "m"}, ASKED)
    assert assembled(events_of(chunks, whole.get("usage"))) == answer


def test_usage_leaves_the_cache_out_of_the_input():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    answer = MESSAGES.answer({**RESPONSES["chat"], "usage": usage}, ASKED)
    assert answer["usage"] == {
        "input_tokens": 10,
        "output_tokens": 7,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens_details": {"thinking_tokens": 3},
        "server_tool_use": None,
        "cache_creation": None,
        "inference_geo": None,
        "service_tier": None,
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal")],
)
def test_stop_reasons(finish, reason):
    assert assembled(events_of([chunk(content="a"), chunk(finish)]))["stop_reason"] == reason


def test_thinking_comes_first_and_keeps_its_signature():
    blocks = [chunk(thinking_blocks=[{"type": "thinking", "thinking": "H"}], reasoning_content="H")]
    blocks += [chunk(thinking_blocks=[{"type": "thinking", "thinking": "m", "signature": ""}], reasoning_content="m")]
    blocks += [chunk(thinking_blocks=[{"type": "thinking", "thinking": "", "signature": "sig"}])]
    message = assembled(events_of([*blocks, chunk(content="Yes."), chunk("stop")]))
    assert message["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "text", "text": "Yes.", "citations": None},
    ]


def test_redacted_thinking_is_a_block_of_its_own():
    redacted = {"type": "redacted_thinking", "data": "xyz"}
    message = assembled(events_of([chunk(thinking_blocks=[redacted]), chunk(content="a"), chunk("stop")]))
    assert message["content"][0] == redacted


def test_a_call_is_told_once_the_one_before_is_whole():
    chunks = [
        chunk(content="Let me look."),
        chunk(tool_calls=[call(0, "", "a", "f")]),
        chunk(tool_calls=[call(0, '{"x":'), call(1, "", "b!", "g")]),
        chunk(tool_calls=[call(0, "1}")]),
        chunk(tool_calls=[call(1, '{"y":2}')]),
        chunk("tool_calls"),
    ]
    content = assembled(events_of(chunks))["content"]
    assert [(b["type"], b.get("name"), b.get("input")) for b in content] == [
        ("text", None, None),
        ("tool_use", "f", {"x": 1}),
        ("tool_use", "g", {"y": 2}),
    ]
    assert content[2]["id"] == "b_"
    writer = MESSAGES.events("m", ASKED)
    told = [writer.write(each) for each in chunks]
    assert b"input_json_delta" in told[4], "the second call streams as soon as it may"


def test_interleaved_arguments_stay_with_their_call():
    chunks = [
        chunk(tool_calls=[call(0, "", "a", "f"), call(1, "", "b", "g")]),
        chunk(tool_calls=[call(0, '{"x":1')]),
        chunk(tool_calls=[call(1, '{"y":2')]),
        chunk(tool_calls=[call(0, "}")]),
        chunk(tool_calls=[call(1, "}")]),
        chunk("tool_calls"),
    ]
    content = assembled(events_of(chunks))["content"]
    assert [(b["name"], b["input"]) for b in content] == [("f", {"x": 1}), ("g", {"y": 2})]


def test_an_empty_stream_is_a_message_with_an_empty_text():
    assert assembled(events_of([]))["content"] == [{"type": "text", "text": "", "citations": None}]


def test_arguments_that_are_no_object():
    odd = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "[1"}}
    message = {"role": "assistant", "content": None, "tool_calls": [odd]}
    chat = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    (block,) = MESSAGES.answer(chat, ASKED)["content"]
    assert block == {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "direct"}}


def test_refusals():
    message = {"role": "assistant", "content": None, "refusal": "No."}
    chat = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    answer = MESSAGES.answer(chat, ASKED)
    assert ([block["text"] for block in answer["content"]], answer["stop_reason"]) == (["No."], "refusal")
    assert assembled(events_of([chunk(refusal="No."), chunk("stop")]))["stop_reason"] == "refusal"
