"""Responses requests as chat requests, chat answers and chunks as Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.testing.openai_samples import RESPONSES as CHATS
from tianji_core.testing.openai_samples import STREAMS
from tianji_core.translate.chunks import merge_chunks
from tianji_core.translate.surfaces.responses import RESPONSES
from tianji_core.translate.surfaces.responses.items import packed, unpacked
from tianji_core.wire.sse import DONE, SSEDecoder

FUNCTION = {"type": "function", "name": "f", "description": "F", "parameters": {"type": "object"}, "strict": False}


def chat(given: Any = "Hi", **more: Any) -> dict[str, Any]:
    return RESPONSES.to_chat({"model": "m", "input": given, **more})


def events_of(chunks: list[dict[str, Any]], usage: Any = None, **asked: Any) -> list[dict[str, Any]]:
    writer = RESPONSES.events("m", {"model": "m", "input": "Hi", **asked})
    data = b"".join(writer.write(each) for each in chunks) + writer.end(usage)
    found = SSEDecoder().feed(data)
    events = [json.loads(event.data) for event in found]
    assert [event.event for event in found] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice]}


def checked(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The last response of a stream, after a look at the order and the contents of its events."""
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    done: list[dict[str, Any]] = []
    item: dict[str, Any] | None = None
    text = ""
    for event in events[2:-1]:
        kind = event["type"]
        assert event["output_index"] == len(done)
        if kind == "response.output_item.added":
            assert item is None
            item, text = event["item"], ""
        elif kind == "response.output_item.done":
            assert item is not None
            assert event["item"]["id"] == item["id"]
            done.append(event["item"])
            item = None
        else:
            assert item is not None
            assert event["item_id"] == item["id"]
            if kind.endswith(".delta"):
                text += event["delta"]
            elif kind.endswith((".text.done", "_text.done")):
                assert event["text"] == text
            elif kind == "response.function_call_arguments.done":
                assert event["arguments"] == (text or "{}")
    assert item is None
    response = events[-1]["response"]
    assert response["output"] == done
    assert events[-1]["type"] == f"response.{response['status']}"
    return dict(response)


# -- requests ----------------------------------------------------------------------------------------------------------


def test_plain():
    assert chat("Hi", instructions="Be terse.", max_output_tokens=20, temperature=0.1, stream=True, store=True) == {
        "model": "m",
        "stream": True,
        "temperature": 0.1,
        "max_tokens": 20,
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}],
    }


def test_items():
    given = [
        {"role": "developer", "content": "Be terse."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"},
            ],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call", "call_id": "b", "name": "g", "arguments": ""},
        {"type": "function_call_output", "call_id": "a", "output": "18"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "20"}]},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done."}, {"type": "refusal", "refusal": "!"}],
        },
    ]
    assert chat(given)["messages"] == [
        {"role": "system", "content": "Be terse."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,cGRm", "filename": "a.pdf"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
            "reasoning_content": "Hm.",
        },
        {"role": "tool", "tool_call_id": "a", "content": "18"},
        {"role": "tool", "tool_call_id": "b", "content": "20"},
        {"role": "assistant", "content": "Done.!"},
    ]


def test_thinking_blocks_travel_in_encrypted_content():
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    assert unpacked(packed(blocks)) == blocks
    given = [
        {"type": "reasoning", "summary": [], "encrypted_content": packed(blocks)},
        {"role": "assistant", "content": "a"},
    ]
    assert chat(given)["messages"] == [{"role": "assistant", "content": "a", "thinking_blocks": blocks}]
    for odd in ("gAAAA of OpenAI", "tianji:!!", "tianji:bnVsbA==", None, 5):
        assert unpacked(odd) == []


def test_tools():
    made = chat(
        tools=[FUNCTION, {"type": "custom", "name": "sh", "description": "Run"}, {"type": "web_search"}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
    )
    assert made["tools"][0] == {"type": "function", "function": {k: v for k, v in FUNCTION.items() if k != "type"}}
    assert made["tools"][1]["function"]["parameters"]["required"] == ["content"]
    assert made["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert made["parallel_tool_calls"] is False
    assert made["web_search_options"] == {}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}
    narrowed = chat(tools=[FUNCTION, {**FUNCTION, "name": "g"}], tool_choice=allowed)
    assert [tool["function"]["name"] for tool in narrowed["tools"]] == ["f"]
    assert narrowed["tool_choice"] == "required"
    assert "tool_choice" not in chat(tool_choice="auto", parallel_tool_calls=True)


def test_text_and_reasoning():
    schema = {"type": "json_schema", "name": "p", "strict": True, "schema": {"type": "object"}}
    made = chat(text={"format": schema, "verbosity": "low"}, reasoning={"effort": "high", "summary": "auto"})
    inner = {k: v for k, v in schema.items() if k != "type"}
    assert made["response_format"] == {"type": "json_schema", "json_schema": inner}
    assert (made["verbosity"], made["reasoning_effort"]) == ("low", "high")
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert "response_format" not in chat(text={"format": {"type": "text"}})


def test_tools_that_run_at_the_vendor_are_for_its_own_models():
    tool = {"type": "code_interpreter", "name": "x"}
    body = {"model": "m", "input": "Hi", "tools": [tool]}
    assert RESPONSES.to_chat(body)["tools"] == [tool]
    with pytest.raises(BadRequestError, match="another vendor"):
        RESPONSES.check_sayable(body)


@pytest.mark.parametrize(
    "body",
    [
        {"input": None},
        {"input": 5},
        {"input": ["x"]},
        {"input": [{"role": "nobody", "content": "x"}]},
        {"input": [{"role": "user", "content": 5}]},
        {"input": [{"role": "user", "content": [{"type": "odd"}]}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"tools": [{"type": 5}]},
        {"tools": ["f"]},
        {"background": True},
        {"tools": 5},
        {"tools": True},
        {"tools": {"type": "function"}},
    ],
)
def test_what_makes_no_sense_is_a_bad_request(body):
    with pytest.raises(BadRequestError):
        RESPONSES.to_chat({"model": "m", "input": "Hi", **body})


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(STREAMS) & set(CHATS) - {"completions"}))
def test_streams_say_what_whole_answers_say(name):
    chunks = [json.loads(e.data) for e in SSEDecoder().feed(STREAMS[name]) if e.data != DONE]
    whole = merge_chunks(chunks)
    answer = RESPONSES.answer({**whole, "model": "m"}, {"model": "m", "input": "Hi"})
    streamed = checked(events_of(chunks, whole.get("usage")))
    for response in (answer, streamed):
        for item in response["output"]:
            item["id"] = item["id"].split("_")[0]
    assert streamed == answer


def test_what_was_asked_is_repeated():
    asked = {"model": "m", "input": "Hi", "tools": [FUNCTION], "metadata": {"a": "b"}, "reasoning": {"effort": "low"}}
    answer = RESPONSES.answer(CHATS["chat"], asked)
    assert answer["tools"] == [FUNCTION]
    assert answer["metadata"] == {"a": "b"}
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert answer["usage"]["input_tokens"] == 18


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_how_it_ended(finish, status, reason):
    response = checked(events_of([chunk(content="a"), chunk(finish)]))
    assert response["status"] == status
    assert response["incomplete_details"] == ({"reason": reason} if reason else None)


def test_tools_that_take_text():
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "sh", "arguments": '{"content":"ls"}'}}
    tools = [{"type": "custom", "name": "sh"}]
    (item,) = checked(events_of([chunk(tool_calls=[call]), chunk("tool_calls")], tools=tools))["output"]
    assert item == {
        "id": "ctc_a",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "a",
        "name": "sh",
        "input": "ls",
    }


def test_annotations_and_refusals():
    note = {
        "type": "url_citation",
        "url_citation": {"url": "https://x.test", "title": "X", "start_index": 0, "end_index": 1},
    }
    (item,) = checked(events_of([chunk(content="a"), chunk(annotations=[note]), chunk("stop")]))["output"]
    assert item["content"][0]["annotations"][0]["url"] == "https://x.test"
    (item,) = checked(events_of([chunk(refusal="No."), chunk("stop")]))["output"]
    assert item["content"] == [{"type": "refusal", "refusal": "No."}]


def test_signed_thinking_goes_out_and_comes_back():
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    chunks = [chunk(thinking_blocks=blocks, reasoning_content="Hm."), chunk(content="a"), chunk("stop")]
    reasoning, said = checked(events_of(chunks))["output"]
    assert chat([reasoning, said])["messages"] == [
        {"role": "assistant", "content": "a", "reasoning_content": "Hm.", "thinking_blocks": blocks}
    ]
