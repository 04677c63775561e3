"""Streams cut anywhere, and events that may hold anything."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tianji_core.translate.anthropic.response import ReplyContext
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder
from tianji_core.translate.chunks import merge_chunks

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

SAMPLES = Path(__file__).parent / "samples"
STREAMS = sorted(path.name for path in SAMPLES.glob("*.sse"))
JSON_TOOL = ReplyContext(json_mode="tool")


def decode(*pieces: bytes, context: ReplyContext) -> tuple[list[dict[str, Any]], AnthropicStreamDecoder]:
    decoder = AnthropicStreamDecoder(context)
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    return [*chunks, *decoder.finish()], decoder


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.sampled_from(STREAMS), st.lists(st.integers(0, 5000), max_size=8))
def test_wherever_a_stream_is_cut_the_answer_is_the_same(name: str, cuts: list[int]) -> None:
    data = (SAMPLES / name).read_bytes()
    context = JSON_TOOL if name == "json_tool.stream.sse" else ReplyContext()
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    whole, split = decode(data, context=context), decode(*(data[a:b] for a, b in pairwise(places)), context=context)
    assert split[0] == whole[0]
    assert (split[1].complete, repr(split[1].error)) == (whole[1].complete, repr(whole[1].error))


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
)
EVENTS = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error")
BLOCKS = ("text", "tool_use", "thinking", "redacted_thinking", "compaction", "web_search_tool_result")
DELTAS = ("text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta", "compaction_delta")
words = st.sampled_from((*EVENTS, *BLOCKS, *DELTAS))
members = dict.fromkeys(("text", "partial_json", "name", "id", "input", "usage", "stop_reason", "citation"), junk)
inner = st.fixed_dictionaries({}, optional={"type": words | junk, **members}) | junk
events = st.fixed_dictionaries(
    {"type": words},
    optional={"index": junk, "content_block": inner, "delta": inner, "message": inner, "usage": junk, "error": inner},
)


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.lists(events, max_size=8), st.booleans())
def test_odd_events_raise_nothing(stream: list[dict[str, Any]], tool: bool) -> None:
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in stream)
    chunks, decoder = decode(data, context=JSON_TOOL if tool else ReplyContext())
    merge_chunks(chunks)
    assert not decoder.complete
    json.dumps(chunks)
