"""Streams of Responses, told once more."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.translate.surfaces.responses.retold import KeptEvents, RetoldEvents

ASKED = {"tools": [{"type": "custom", "name": "c"}], "temperature": 0.5}


def events(data):
    return [json.loads(frame.partition("\ndata: ")[2]) for frame in data.decode().strip().split("\n\n")]


def told(deltas, finish="stop"):
    """The events of a stream of these deltas, the Response, and how it was cut."""
    writer = KeptEvents("m", ASKED, "resp_x")
    out = b""
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        out += writer.write({"id": "chatcmpl-abc", "created": 5, "choices": [choice]})
    out += writer.write({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}) + writer.close()
    response = writer.response({"prompt_tokens": 1, "completion_tokens": 2})
    return events(out + writer.last(response)), response, writer.cuts


def retold(response, cuts, after=-1):
    writer = RetoldEvents(response, after)
    return events(writer.begin() + writer.rest(response, cuts))


def call(index, ident=None, name=None, arguments=""):
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": ident, "function": function}]}


THOUGHT = [
    {"reasoning_content": "Hm", "thinking_blocks": [{"type": "thinking", "thinking": "Hm"}]},
    {"reasoning_content": "m."},
    {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "S"}]},
]
SAID = [{"content": "Hel"}, {"content": "lo"}]
CITED = [{"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}]
CALLED = [call(0, "call_1", "f"), call(0, arguments='{"a"'), call(0, arguments=":1}")]
CUSTOM = [call(1, "call_2", "c", '{"content":'), call(1, arguments='"hey"}')]


@pytest.mark.parametrize(
    "deltas",
    [SAID, SAID + CITED, THOUGHT + SAID + CITED + CALLED + CUSTOM, CALLED, [call(0, "call_1", "f")], CUSTOM, []],
    ids=["text", "cited", "all", "call", "call-without-arguments", "custom", "nothing"],
)
def test_the_same_again(deltas):
    first, response, cuts = told(deltas)
    assert retold(response, cuts) == first
    for after in range(len(first)):
        numbers = [event["sequence_number"] for event in events_or_none(response, cuts, after)]
        assert numbers == list(range(after + 1, len(first)))


def events_or_none(response, cuts, after):
    writer = RetoldEvents(response, after)
    data = writer.begin() + writer.rest(response, cuts)
    return events(data) if data else []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(min_size=1).map(lambda text: {"content": text}),
            st.text(min_size=1).map(lambda text: {"reasoning_content": text}),
            st.text(min_size=1).map(lambda text: {"refusal": text}),
        )
    )
)
def test_however_it_was_cut(deltas):
    first, response, cuts = told(deltas, finish="length")
    assert retold(response, cuts) == first


def test_one_that_was_never_streamed():
    text = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    response = {"id": "resp_1", "model": "m", "status": "completed", "created_at": 1, "output": [search, message]}
    found = retold(response, [])
    assert [event["type"] for event in found] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert found[3]["item"] == search
    assert found[9]["item"] == message
    assert (found[3]["output_index"], found[9]["output_index"]) == (0, 1)
    assert found[-1]["response"] == response
