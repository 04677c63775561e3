"""What is left out of messages and tools, and what is not."""

from __future__ import annotations

import copy

import pytest

from tianji_core.openai_compat.messages import (
    FOREIGN,
    clean_message,
    clean_messages,
    clean_tools,
    plain_content,
    rename_member,
)

MARKER = {"type": "ephemeral"}
KEEPS = FOREIGN - {"cache_control"}
TOOL = {"type": "function", "function": {"name": "f"}, "cache_control": MARKER}


@pytest.mark.parametrize(
    ("message", "without", "with_markers"),
    [
        (
            {"content": "x", "cache_control": MARKER},
            {"content": "x"},
            [{"type": "text", "text": "x", "cache_control": MARKER}],
        ),
        ({"content": "", "cache_control": MARKER}, {"content": ""}, ""),
        ({"content": "x", "cache_control": None}, {"content": "x"}, "x"),
        ({"content": None, "tool_calls": [], "cache_control": MARKER}, {"tool_calls": []}, None),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "cache_control": MARKER},
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": MARKER}],
        ),
        (
            {"content": [{"type": "text", "text": "a", "cache_control": MARKER}]},
            {"content": [{"type": "text", "text": "a"}]},
            [{"type": "text", "text": "a", "cache_control": MARKER}],
        ),
    ],
)
def test_cache_markers(message, without, with_markers):
    message = {"role": "user", **message}
    before = copy.deepcopy(message)
    assert clean_messages([message]) == [{"role": "user", **without}]
    (found,) = clean_messages([message], None, KEEPS)
    assert found.get("content") == with_markers
    assert "cache_control" not in found
    assert message == before


def test_state_of_other_vendors_stays_here():
    message = {"role": "assistant", "content": "x", "thinking_blocks": [{}], "reasoning_details": [{}]}
    assert clean_messages([message]) == [{"role": "assistant", "content": "x"}]
    (found,) = clean_messages([message], None, FOREIGN - {"reasoning_details"})
    assert found == {"role": "assistant", "content": "x", "reasoning_details": [{}]}


def test_what_needs_no_change_stays_the_same_object():
    message = {"role": "user", "content": "x"}
    assert clean_messages([message])[0] is message
    assert clean_messages([message], "system", KEEPS)[0] is message


def test_tools():
    assert clean_tools([TOOL]) == [{"type": "function", "function": {"name": "f"}}]
    assert clean_tools([TOOL], KEEPS) == [TOOL]


def test_members_of_tools_that_are_foreign():
    strict = {"type": "function", "strict": True, "function": {"name": "f", "strict": True}}
    before = copy.deepcopy(strict)
    assert clean_tools([strict, "odd"], FOREIGN | {"strict"}) == [
        {"type": "function", "function": {"name": "f"}},
        "odd",
    ]
    assert clean_tools([strict]) == [strict] == [before]


def test_parts_of_text_become_one_text():
    texts = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": None}]}
    mixed = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "file", "file": {}}]}
    plain = {"role": "user", "content": "x"}
    assert plain_content([texts, mixed, plain, "odd"]) == [{"role": "user", "content": "a"}, mixed, plain, "odd"]
    assert plain_content([{"content": []}, {}]) == [{"content": ""}, {}]
    assert isinstance(texts["content"], list)


def test_members_of_messages_under_another_name():
    thought = {"role": "assistant", "content": "x", "reasoning_content": "y"}
    other = {"role": "user", "content": "z"}
    assert rename_member([thought, other, 5], "reasoning_content", "reasoning") == [
        {"role": "assistant", "content": "x", "reasoning": "y"},
        other,
        5,
    ]
    assert rename_member([thought], "reasoning_content", None) == [{"role": "assistant", "content": "x"}]
    assert "reasoning_content" in thought


def test_signatures_of_gemini_stay_here() -> None:
    signed = {
        "id": "call_1__thought__c2ln",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "provider_specific_fields": {"thought_signature": "c2ln"},
    }
    plain = {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    question = {"role": "assistant", "tool_calls": [signed, plain, "odd"]}
    answer = {"role": "tool", "tool_call_id": "call_1__thought__c2ln", "content": "1"}
    asked, answered = clean_messages([question, answer])
    assert asked["tool_calls"] == [{**plain, "id": "call_1"}, plain, "odd"]
    assert answered["tool_call_id"] == "call_1"
    assert question["tool_calls"][0] is signed, "the caller's own message was changed"


def test_calls_without_signatures_stay_the_same_object() -> None:
    call = {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "a", "tool_calls": [call]}
    assert clean_message(message) is message
