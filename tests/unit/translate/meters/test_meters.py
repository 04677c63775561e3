"""Usage read out of bytes that go by: cut anywhere, broken off, far too large."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.translate.meters import NativeCounts, meter_for

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
STREAM = (
    b'data: {"model":"m","choices":[]}\n\ndata: {"choices":[],"usage":%s}\n\ndata: [DONE]\n\n'
    % json.dumps(USAGE).encode()
)
CLAUDE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"c","usage":{"input_tokens":3}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"12345678"}}\n\n'
)


def read(kind, *pieces, **named):
    meter = meter_for(kind, NativeCounts(), **named)
    for piece in pieces:
        meter.feed(piece)
    meter.finish()
    return meter


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("text/event-stream; charset=utf-8", STREAM),
        ("application/json", json.dumps({"model": "m", "usage": USAGE}).encode()),
        ("application/x-ndjson", b'{"model":"m"}\n{"model":"m","usage":%s}' % json.dumps(USAGE).encode()),
        ("application/vnd.acme+json", json.dumps([{"a": 1}, {"usage": USAGE}]).encode()),
    ],
)
def test_cut_anywhere_it_is_the_same(kind, data):
    for cut in range(0, len(data), 3):
        assert read(kind, data[:cut], data[cut:]).usage == USAGE


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["text/event-stream", "application/json", "application/x-ndjson"]))
def test_nothing_that_comes_raises(data, kind):
    read(kind, data, data)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "usage",
                        "type",
                        "model",
                        "error",
                        "message",
                        "delta",
                        "response",
                        "predictions",
                        "usageMetadata",
                        "input_tokens",
                        "prompt_tokens",
                        "embeddings",
                        "statistics",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_value_raises(value):
    read("application/json", json.dumps(value).encode(), keep=True)


def test_an_answer_too_large_to_be_kept_is_read_at_its_end():
    data = json.dumps({"usage": {"prompt_tokens": 99}, "data": "x" * 3_000_000, "usage ": 1}).encode()
    data = data[:-1] + b',"usage":%s}' % json.dumps(USAGE).encode()
    pieces = [data[start : start + 65536] for start in range(0, len(data), 65536)]
    assert read("application/json", *pieces).usage == USAGE


def test_a_whole_answer_is_kept_where_it_is_wanted():
    assert read("application/json", b'{"a":1}', keep=True).answer == {"a": 1}
    assert read("application/json", b'{"a":1}').answer is None


def test_a_messages_stream_that_broke_off_is_estimated():
    found = read("text/event-stream", CLAUDE)
    assert found.usage["prompt_tokens"] == 3
    assert found.usage["completion_tokens"] == 2
    assert found.usage["estimated"]
    assert found.model == "c"


def test_an_error_in_the_middle_is_noticed():
    assert (
        read("text/event-stream", CLAUDE + b'data: {"type":"error","error":{"message":"Overloaded"}}\n\n').error
        == "Overloaded"
    )
    assert read("text/event-stream", b'data: {"error":"No."}\n\n').error == "No."
    failed = b'data: {"type":"response.failed","response":{"error":{"message":"Oh."},"usage":null}}\n\n'
    assert read("text/event-stream", failed).error == "Oh."
    assert (
        read("application/json", b'{"error":null,"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}').error
        is None
    )


def test_cached_tokens_count_as_the_vendor_counts_them():
    anthropic = {"type": "message", "usage": {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 10}}
    openai = {"object": "response", "usage": {"input_tokens": 13, "output_tokens": 1, "total_tokens": 14}}
    assert read("application/json", json.dumps(anthropic).encode()).usage["prompt_tokens"] == 13
    assert read("application/json", json.dumps(openai).encode()).usage["prompt_tokens"] == 13


@pytest.mark.parametrize("kind", [None, "", "audio/mpeg", "text/html", "application/octet-stream", "multipart/mixed"])
def test_what_says_nothing_is_not_read(kind):
    assert meter_for(kind, NativeCounts()) is None


def test_an_event_without_end_is_given_up():
    meter = meter_for("text/event-stream", NativeCounts())
    for _ in range(20):
        meter.feed(b"x" * 1_000_000)
    meter.feed(STREAM)
    meter.finish()
    assert meter.usage is None
