"""Streams of the vendor as chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tianji_core.api.errors import BadGatewayError, GatewayError, InternalServerError, OverloadedError, RateLimitError
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.anthropic.response import ReplyContext
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder
from tianji_core.translate.chunks import merge_chunks

SAMPLES = Path(__file__).parent / "samples"
JSON_TOOL = ReplyContext(json_mode="tool")
START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 5}}}
STOP = {"type": "message_stop"}


def sse(*events: dict[str, Any]) -> bytes:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **members: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": members}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str = "end_turn", **members: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **members}, "usage": {"output_tokens": 4}}


def decode(*pieces: bytes, context: ReplyContext | None = None) -> tuple[list[dict[str, Any]], AnthropicStreamDecoder]:
    decoder = AnthropicStreamDecoder(context or ReplyContext())
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return [*chunks, *decoder.finish()], decoder


def merged(*events: dict[str, Any], context: ReplyContext | None = None) -> dict[str, Any]:
    chunks, decoder = decode(sse(START, *events), context=context)
    assert decoder.complete
    return dict(merge_chunks(chunks))


def test_a_stream_with_everything() -> None:
    chunks, decoder = decode((SAMPLES / "everything.stream.sse").read_bytes())
    assert decoder.complete
    answer = merge_chunks(chunks)
    found = answer["choices"][0]
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["content"] == "330 m."
    assert found["message"]["thinking_blocks"] == [{"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}]
    functions = [call["function"] for call in found["message"]["tool_calls"]]
    assert functions == [
        {"name": "web_search", "arguments": '{"query": "tower"}'},
        {"name": "ping", "arguments": "{}"},
    ]
    fields = found["message"]["provider_specific_fields"]
    assert fields["citation"]["cited_text"] == "330 metres"
    assert fields["web_search_results"][0]["tool_use_id"] == "srvtoolu_01Cc"
    assert answer["usage"]["prompt_tokens"] == 127
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 100
    assert answer["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert chunks[-1]["choices"] == []
    assert "usage" not in chunks[-2]


def test_nothing_comes_out_before_there_is_content() -> None:
    decoder = AnthropicStreamDecoder(ReplyContext())
    assert decoder.feed(sse(START, {"type": "ping"}, start(0, type="text", text=""))) == []
    first = decoder.feed(sse(delta(0, type="text_delta", text="a")))
    assert first[0]["choices"][0]["delta"] == {"role": "assistant", "content": "a"}


def test_calls_between_which_text_stands_are_numbered_from_zero() -> None:
    names = ToolNames(["a b"])
    answer = merged(
        start(0, type="text", text="Wait."),
        start(1, type="tool_use", id="toolu_1", name=names.to_vendor("a b"), input={}),
        start(2, type="tool_use", id="toolu_2", name="g", input={}),
        delta(2, type="input_json_delta", partial_json='{"x":'),
        delta(1, type="input_json_delta", partial_json='{"y":2}'),
        delta(2, type="input_json_delta", partial_json="1}"),
        stop(1),
        stop(2),
        end("tool_use"),
        STOP,
        context=ReplyContext(names),
    )
    calls = answer["choices"][0]["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [
        {"name": "a b", "arguments": '{"y":2}'},
        {"name": "g", "arguments": '{"x":1}'},
    ]


def test_input_that_came_with_the_start_is_used_if_there_is_no_other() -> None:
    whole = (start(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0), end("tool_use"), STOP)
    assert merged(*whole)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


def test_json_by_a_tool_is_streamed_as_content() -> None:
    chunks, _ = decode((SAMPLES / "json_tool.stream.sse").read_bytes(), context=JSON_TOOL)
    found = merge_chunks(chunks)["choices"][0]
    assert found["message"] == {"role": "assistant", "content": '{"name": "Ana", "age": 31}'}
    assert found["finish_reason"] == "stop"


def test_text_is_the_answer_if_the_json_tool_is_not_used() -> None:
    answer = merged(
        start(0, type="text", text=""), delta(0, type="text_delta", text="No."), end(), STOP, context=JSON_TOOL
    )
    assert answer["choices"][0]["message"]["content"] == "No."


def test_an_empty_json_answer_is_an_empty_object() -> None:
    answer = merged(start(0, type="tool_use", name="json_tool_call"), stop(0), end("tool_use"), STOP, context=JSON_TOOL)
    assert answer["choices"][0]["message"]["content"] == "{}"


def test_the_vendors_word_for_the_end() -> None:
    answer = merged(start(0, type="text", text="x"), end("pause_turn"), STOP)
    assert answer["choices"][0]["message"]["provider_specific_fields"] == {"stop_reason": "pause_turn"}
    refused = merged(end("refusal", stop_details={"type": "refusal", "category": "bio"}), STOP)
    assert refused["choices"][0]["finish_reason"] == "content_filter"


def test_a_compaction() -> None:
    answer = merged(
        start(0, type="compaction", content=None),
        delta(0, type="compaction_delta", content="so far"),
        stop(0),
        end(),
        STOP,
    )
    fields = answer["choices"][0]["message"]["provider_specific_fields"]
    assert fields["compaction_blocks"] == [{"type": "compaction", "content": "so far"}]


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("overloaded_error", OverloadedError, 529),
        ("rate_limit_error", RateLimitError, 429),
        ("api_error", InternalServerError, 500),
        ("something_new", InternalServerError, 500),
    ],
)
def test_an_error_event(kind: str, error: type[GatewayError], status: int) -> None:
    event = {"type": "error", "error": {"type": kind, "message": "Sorry"}}
    chunks, decoder = decode(sse(START, start(0, type="text", text="Once"), event))
    assert type(decoder.error) is error
    assert decoder.error is not None
    assert decoder.error.http_status == status
    assert decoder.error.message == "Sorry"
    assert not decoder.complete
    assert chunks[-1]["usage"]["prompt_tokens"] == 5, "what was generated has been paid for"


def test_an_error_before_any_content_leaves_no_chunk() -> None:
    chunks, decoder = decode(sse(START, {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}))
    assert chunks == []
    assert isinstance(decoder.error, OverloadedError)


def test_a_stream_that_breaks_off_tells_its_usage() -> None:
    chunks, decoder = decode(sse(START, start(0, type="text", text=""), delta(0, type="text_delta", text="x" * 40)))
    assert not decoder.complete
    assert decoder.error is None
    assert chunks[-1]["usage"]["completion_tokens"] == 10, "estimated from the text"


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: []\n\n", b"data: 5\n\n"])
def test_events_without_sense(data: bytes) -> None:
    _, decoder = decode(data)
    assert isinstance(decoder.error, BadGatewayError)


def test_what_is_not_known_is_passed_over() -> None:
    answer = merged(
        {"type": "something_new", "x": 1},
        start(0, type="something_new"),
        delta(0, type="something_new_delta"),
        stop(0),
        stop(7),
        start(1, type="text", text="x"),
        end(),
        STOP,
    )
    assert answer["choices"][0]["message"]["content"] == "x"
    _, decoder = decode(sse(START, start(0, type="text", text="x"), end(), STOP) + b"data: [DONE]\n\n")
    assert decoder.complete
