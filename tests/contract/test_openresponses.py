"""Every Response and every event of one, read with the types of the Open Responses specification."""

from __future__ import annotations

import asyncio
import json

import pytest
from openresponses_types import types
from pydantic import BaseModel

from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import RESPONSES, chat_chunks

EVENTS = {
    next(iter(kind.model_fields["type"].annotation)).value: kind
    for name, kind in vars(types).items()
    if isinstance(kind, type) and issubclass(kind, BaseModel) and name.endswith("StreamingEvent")
}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
ASK = {"model": "m", "input": "Hi"}
CITED = {
    "type": "url_citation",
    "url_citation": {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 2},
}


def call(index, arguments, ident=None, name=None):
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"index": index, "function": function, **({"id": ident, "type": "function"} if ident else {})}


DELTAS = {
    "text": [{"content": "Hel"}, {"content": "lo"}],
    "reasoning": [{"reasoning_content": "Hm."}, {"content": "Yes."}],
    "thinking": [
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm."}], "reasoning_content": "Hm."},
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "sig"}]},
        {"content": "Yes."},
    ],
    "calls": [
        {"content": "Let me look."},
        {"tool_calls": [call(0, "", "a", "f")]},
        {"tool_calls": [call(0, '{"a":1}'), call(1, "", "b", "f")]},
        {"tool_calls": [call(1, '{"a":2}')]},
    ],
    "refusal": [{"refusal": "No."}],
    "citations": [{"content": "Hello"}, {"annotations": [CITED]}],
    "nothing": [],
}
MESSAGES = {
    "text": {"content": "Hello"},
    "reasoning": {"content": "Yes.", "reasoning_content": "Hm."},
    "thinking": {
        "content": "Yes.",
        "reasoning_content": "Hm.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}],
    },
    "calls": {
        "content": None,
        "tool_calls": [
            {"id": ident, "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}} for ident in "ab"
        ],
    },
    "refusal": {"content": None, "refusal": "No."},
    "citations": {"content": "Hello", "annotations": [CITED]},
    "nothing": {"content": ""},
}
SAID = [
    {},
    {"instructions": "Be terse.", "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_logprobs": 2},
    {"tools": [FUNCTION], "tool_choice": "auto", "parallel_tool_calls": False},
    {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}},
    {"reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"a": "b"}, "store": False, "service_tier": "flex"},
    {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"}},
    {"safety_identifier": "u", "prompt_cache_key": "k", "truncation": "auto", "user": "u"},
]


@pytest.fixture
def post(serving, row, fake_upstream, tmp_path):
    def run(answer, body, model="openai_compatible/up-1"):
        fake_upstream.answer(answer)

        async def main():
            general = {"database_url": f"sqlite:///{tmp_path}/store.db"}
            config = {"model_list": [row(fake_upstream, model=model)], "general_settings": general}
            async with serving(config) as client:
                return await client.post("/v1/responses", body)

        return asyncio.run(main())

    return run


def checked(answer):
    """The whole Response of an answer."""
    assert answer.status == 200, answer.body
    response = answer.json()
    types.ResponseResource.model_validate(without_schema(response))
    return response


def without_schema(response):
    """The specification has null for the schema of an answer's format; OpenAI repeats it, and so does everybody."""
    form = response["text"]["format"]
    if form["type"] != "json_schema":
        return response
    assert form["schema"]
    return {**response, "text": {**response["text"], "format": {**form, "schema": None}}}


def checked_events(answer):
    """The events of a stream, numbered one after the other."""
    found = []
    for block in answer.body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        whole = {"response": without_schema(event["response"])} if "response" in event else {}
        EVENTS[event["type"]].model_validate({**event, **whole})
        found.append(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


@pytest.mark.parametrize("asked", SAID)
@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_what_was_asked_is_repeated(post, asked, finish):
    chat = json.loads(json.dumps(RESPONSES["chat"]))
    chat["choices"][0]["finish_reason"] = finish
    response = checked(post(Answer.json(chat), {**ASK, **asked}))
    assert response["status"] == ("completed" if finish == "stop" else "incomplete")
    events = checked_events(post(Answer.chat_stream("Hel", "lo"), {**ASK, **asked, "stream": True}))
    for name, value in asked.items():
        assert response[name] == events[-1]["response"][name], name
        assert response[name] == value or name in ("tools", "text"), name


@pytest.mark.parametrize("kind", DELTAS)
def test_translated_answers(post, kind):
    body = {**ASK, "tools": [FUNCTION]}
    chat = json.loads(json.dumps(RESPONSES["chat"]))
    chat["choices"][0]["message"] = {"role": "assistant", **MESSAGES[kind]}
    checked(post(Answer.json(chat), body))
    events = checked_events(post(Answer.sse(*chat_chunks(*DELTAS[kind])), {**body, "stream": True}))
    assert events[-1]["type"] == "response.completed"


def test_a_failure_in_a_translated_stream(post):
    chunks = chat_chunks({"content": "one"}, {"content": "two"})[:3]
    events = checked_events(post(Answer.sse(*chunks, done=False), {**ASK, "stream": True}))
    assert events[-1]["type"] == "error"
    assert events[-1]["message"] == events[-1]["error"]["message"]


# -- a vendor that speaks Responses itself -------------------------------------------------------------------------

ITEM = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
}
PART = ITEM["content"][0]


def vendors(**members):
    asked = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "text": {"format": {"type": "text"}}}
    numbers = {"temperature": 1.0, "top_p": 1.0, "top_logprobs": 0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
    nothing = dict.fromkeys(
        ("completed_at", "incomplete_details", "previous_response_id", "instructions", "error", "max_output_tokens")
    )
    nothing |= dict.fromkeys(("max_tool_calls", "safety_identifier", "prompt_cache_key", "usage"))
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-5-2025",
        "output": [ITEM],
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "background": False,
        "service_tier": "default",
        "truncation": "disabled",
        "metadata": {},
        **asked,
        **numbers,
        **nothing,
        **members,
    }


def vendors_events():
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    begun = vendors(status="in_progress", output=[])
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**ITEM, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **at, "part": {**PART, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": "Hello", "logprobs": []},
        {"type": "response.output_text.done", **at, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **at, "part": PART},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": vendors()},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def test_native_answers(post):
    response = checked(post(Answer.json(vendors()), ASK, "openai/gpt-5"))
    assert response == vendors(model="m", id=response["id"])
    events = checked_events(post(Answer.sse(*vendors_events(), done=False), {**ASK, "stream": True}, "openai/gpt-5"))
    assert [event["type"] for event in events] == [event["type"] for event in vendors_events()]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "Sorry.", "param": None, "sequence_number": 5},
        {"type": "error", "error": {"type": "server_error", "code": "x", "message": "Sorry."}, "sequence_number": 5},
    ],
)
def test_a_failure_in_a_native_stream(post, error):
    answer = post(Answer.sse(*vendors_events()[:5], error, done=False), {**ASK, "stream": True}, "openai/gpt-5")
    events = checked_events(answer)
    assert (events[-1]["type"], events[-1]["message"]) == ("error", "Sorry.")


def test_a_native_stream_that_breaks_off(post):
    answer = post(Answer.sse(*vendors_events()[:5], done=False), {**ASK, "stream": True}, "openai/gpt-5")
    assert checked_events(answer)[-1]["type"] == "error"
