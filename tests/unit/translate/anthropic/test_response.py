"""Messages of the vendor as chat completions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tianji_core.api.errors import BadGatewayError, OverloadedError
from tianji_core.translate.anthropic.names import ToolNames
from tianji_core.translate.anthropic.response import ReplyContext, parse_message
from tianji_core.translate.anthropic.usage import openai_usage

SAMPLES = Path(__file__).parent / "samples"
SCHEMA_FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
OLD = "claude-3-5-haiku-20241022"


def message(*content: dict[str, Any], stop: str = "end_turn", **members: Any) -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 2}
    return json.dumps(
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop}
        | {"usage": usage, **members}
    ).encode()


def choice(*content: dict[str, Any], context: ReplyContext | None = None, **members: Any) -> dict[str, Any]:
    return dict(parse_message(message(*content, **members), context or ReplyContext())["choices"][0])


def text(value: str, **members: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **members}


def tool_use(name: str, call_id: str = "toolu_1", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


@pytest.mark.parametrize(
    ("native", "word", "told"),
    [
        ("end_turn", "stop", False),
        ("stop_sequence", "stop", True),
        ("pause_turn", "stop", True),
        ("tool_use", "tool_calls", False),
        ("max_tokens", "length", False),
        ("model_context_window_exceeded", "length", True),
        ("refusal", "content_filter", True),
        ("something_new", "stop", False),
    ],
)
def test_stop_reasons(native: str, word: str, told: bool) -> None:
    found = choice(text("x"), stop=native)
    assert found["finish_reason"] == word
    assert found["message"]["provider_specific_fields"].get("stop_reason") == (native if told else None)


def test_details_of_a_refusal_and_the_stop_that_was_met() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    refused = choice(stop="refusal", stop_details=details)
    assert refused["message"]["provider_specific_fields"]["stop_details"] == details
    met = choice(text("x"), stop="stop_sequence", stop_sequence="END")
    assert met["message"]["provider_specific_fields"]["stop_sequence"] == "END"


def test_content_is_null_only_beside_calls() -> None:
    assert choice()["message"]["content"] == ""
    assert choice(tool_use("f"), stop="tool_use")["message"]["content"] is None
    assert choice(text("a"), text("b"))["message"]["content"] == "ab"


def test_calls_are_counted_from_zero_and_have_the_callers_names() -> None:
    names = ToolNames(["get weather"])
    found = choice(
        text("Wait."),
        tool_use(names.to_vendor("get weather"), city="Paris"),
        tool_use("g", "toolu_2"),
        stop="tool_use",
        context=ReplyContext(names),
    )
    assert found["message"]["tool_calls"] == [
        {
            "index": 0,
            "id": "toolu_1",
            "type": "function",
            "function": {"name": "get weather", "arguments": '{"city":"Paris"}'},
        },
        {"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_thinking() -> None:
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    hidden = {"type": "redacted_thinking", "data": "eHl6"}
    found = choice(signed, hidden, text("Yes."))["message"]
    assert found["reasoning_content"] == "Hm."
    assert found["thinking_blocks"] == [signed, hidden]
    assert found["content"] == "Yes."


def test_what_a_web_search_leaves() -> None:
    answer = parse_message((SAMPLES / "web_search.response.json").read_bytes(), ReplyContext())
    found = answer["choices"][0]
    assert found["finish_reason"] == "stop"
    assert found["message"]["content"] == "I'll search.It is 330 m high."
    fields = found["message"]["provider_specific_fields"]
    assert fields["citations"][0][0]["supported_text"] == "It is 330 m high."
    assert fields["web_search_results"][0]["tool_use_id"] == found["message"]["tool_calls"][0]["id"]
    assert fields["web_search_calls"][0]["action"]["sources"] == [{"type": "url", "url": "https://tower.example/facts"}]
    assert answer["usage"]["server_tool_use"]["web_search_requests"] == 1


def test_other_blocks_are_kept_for_those_who_know_them() -> None:
    compaction = {"type": "compaction", "content": "so far"}
    result = {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {}}
    found = choice(compaction, result, text("x"), container={"id": "c"}, context_management={"applied_edits": []})
    fields = found["message"]["provider_specific_fields"]
    assert fields["compaction_blocks"] == [compaction]
    assert fields["tool_results"] == [result]
    assert fields["container"] == {"id": "c"}
    assert fields["context_management"] == {"applied_edits": []}


def test_json_by_a_tool_is_the_answer() -> None:
    context = ReplyContext.of({"response_format": SCHEMA_FORMAT}, OLD)
    found = choice(text("Here:"), tool_use("json_tool_call", a=1), stop="tool_use", context=context)
    assert found["message"] == {"role": "assistant", "content": '{"a":1}'}
    assert found["finish_reason"] == "stop"
    both = choice(tool_use("json_tool_call", a=1), tool_use("f", "toolu_2"), stop="tool_use", context=context)
    assert both["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in both["message"]["tool_calls"]] == ["f"]
    text_only = choice(text('{"a": 1}'), context=context)
    assert text_only["message"]["content"] == '{"a": 1}'


def test_a_callers_own_tool_of_that_name_stays_one() -> None:
    tools = [{"type": "function", "function": {"name": "json_tool_call"}}]
    for body in ({"tools": tools}, {"tools": tools, "response_format": {"type": "json_object"}}):
        found = choice(tool_use("json_tool_call"), stop="tool_use", context=ReplyContext.of(body, OLD))
        assert found["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"content": null}', b"<html>"])
def test_an_answer_without_sense(body: bytes) -> None:
    with pytest.raises(BadGatewayError) as caught:
        parse_message(body, ReplyContext())
    assert caught.value.http_status == 502


def test_an_error_with_status_200() -> None:
    with pytest.raises(OverloadedError, match="Busy"):
        parse_message(b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}', ReplyContext())


# -- usage -------------------------------------------------------------------------------------------------------


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = openai_usage(
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 200,
            "cache_read_input_tokens": 3000,
            "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
            "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
            "service_tier": "standard",
            "speed": "fast",
        }
    )
    assert usage == {
        "prompt_tokens": 3210,
        "completion_tokens": 7,
        "total_tokens": 3217,
        "prompt_tokens_details": {
            "cached_tokens": 3000,
            "cache_write_tokens": 200,
            "cache_creation_tokens": 200,
            "text_tokens": 10,
        },
        "completion_tokens_details": {"reasoning_tokens": 3, "text_tokens": 4},
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        "service_tier": "standard",
        "speed": "fast",
    }


def test_what_a_compaction_cost_is_added() -> None:
    usage = openai_usage(
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {"type": "message", "input_tokens": 10, "output_tokens": 5},
                {"type": "compaction", "input_tokens": 1000, "output_tokens": 70, "cache_read_input_tokens": 1},
            ],
        }
    )
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1011, 75)


def test_reasoning_is_estimated_from_what_can_be_seen() -> None:
    def details(characters: int | None) -> Any:
        return openai_usage({"output_tokens": 9}, reasoning_characters=characters)["completion_tokens_details"]

    assert details(0) == {"reasoning_tokens": 0, "text_tokens": 9}
    assert details(16) == {"reasoning_tokens": 4, "text_tokens": 5}
    assert details(4000) == {"reasoning_tokens": 9, "text_tokens": 0}
    assert details(None) == {}, "it was hidden: nobody knows"


@pytest.mark.parametrize("odd", [None, [], {}, {"input_tokens": None, "output_tokens": "5", "iterations": 3}])
def test_odd_usage_counts_nothing(odd: Any) -> None:
    assert openai_usage(odd)["total_tokens"] == 0
