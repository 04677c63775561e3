"""A whole request: tools, thinking, formats, limits, mending."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.translate.anthropic.mending import CONTINUE
from tianji_core.translate.anthropic.models import traits
from tianji_core.translate.anthropic.request import MessagesRequest, chat_to_anthropic
from tianji_core.translate.anthropic.schema import output_schema
from tianji_core.translate.anthropic.structured import JSON_TOOL

SONNET, OLD, OPUS = "claude-sonnet-4-5", "claude-3-5-haiku-20241022", "claude-opus-5"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
HISTORY = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "a", "content": "1"},
]


def translate(model: str = SONNET, *, modify: bool = False, drop: bool = False, **members: Any) -> MessagesRequest:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    return chat_to_anthropic(body, traits(model), modify=modify, drop=drop)


def build(model: str = SONNET, *, modify: bool = False, drop: bool = False, **members: Any) -> dict[str, Any]:
    return translate(model, modify=modify, drop=drop, **members).body


# -- tools -------------------------------------------------------------------------------------------------------


def tool(**members: Any) -> dict[str, Any]:
    return dict(build(tools=[members])["tools"][0])


def test_function_tools() -> None:
    empty = {"type": "object", "properties": {}}
    assert tool(type="function", function={"name": "f"}) == {"name": "f", "input_schema": empty, "type": "custom"}
    assert tool(
        type="function",
        function={"name": "f", "description": "d", "parameters": {"properties": {}}, "strict": True},
        cache_control={"type": "ephemeral"},
        defer_loading=True,
    ) == {
        "name": "f",
        "input_schema": empty,
        "type": "custom",
        "description": "d",
        "cache_control": {"type": "ephemeral"},
        "defer_loading": True,
    }


def test_tools_in_the_vendors_own_form() -> None:
    own = {"name": "f", "input_schema": {"type": "object"}, "type": "custom", "strict": True}
    assert tool(**own) == own
    hosted = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    assert tool(**hosted) == hosted
    wrapped = {"type": "computer_20250124", "function": {"name": "computer", "parameters": {"display_width_px": 9}}}
    assert tool(**wrapped) == {"type": "computer_20250124", "name": "computer", "display_width_px": 9}


def test_an_mcp_tool_becomes_a_server() -> None:
    request = translate(
        tools=[
            {
                "type": "mcp",
                "server_label": "docs",
                "server_url": "https://mcp.example/sse",
                "headers": {"Authorization": "Bearer t0ken"},
                "allowed_tools": ["search"],
            }
        ]
    )
    assert request.body["mcp_servers"] == [
        {
            "type": "url",
            "url": "https://mcp.example/sse",
            "name": "docs",
            "authorization_token": "t0ken",
            "tool_configuration": {"allowed_tools": ["search"]},
        }
    ]
    assert "tools" not in request.body
    assert request.betas == ["mcp-client-2025-04-04"]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"type": "function"}, BadRequestError),
        ({"type": "function", "function": {"name": ""}}, BadRequestError),
        ({"type": "mcp"}, BadRequestError),
        ({"type": "custom", "custom": {"name": "free"}}, UnsupportedCapabilityError),
    ],
)
def test_tools_that_make_no_sense(bad: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"tools\[0\]"):
        tool(**bad)


@pytest.mark.parametrize(
    ("choice", "parallel", "wanted"),
    [
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", False, {"type": "none"}),
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
        ({"type": "tool", "name": "f"}, None, {"type": "tool", "name": "f"}),
    ],
)
def test_the_choice_among_tools(choice: Any, parallel: bool | None, wanted: Any) -> None:
    assert build(tools=[TOOL], tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == wanted


def test_without_tools_there_is_no_choice() -> None:
    assert "tool_choice" not in build(tool_choice="auto", parallel_tool_calls=False)
    with pytest.raises(BadRequestError, match="tool_choice"):
        build(tools=[TOOL], tool_choice="perhaps")


def test_allowed_tools_leave_the_others_out() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    body = build(tools=[TOOL, other], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [each["name"] for each in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_history_of_calls_needs_tools() -> None:
    assert [each["name"] for each in build(messages=HISTORY)["tools"]] == ["dummy_tool"]
    assert [each["name"] for each in build(messages=HISTORY, tools=[TOOL])["tools"]] == ["f"]


def test_names_that_the_vendor_refuses_are_changed_everywhere() -> None:
    names = ["a.b", "a b", "a_b", "x" * 200]
    body = build(
        tools=[{"type": "function", "function": {"name": name}} for name in names],
        tool_choice={"type": "function", "function": {"name": "a b"}},
    )
    sent = [each["name"] for each in body["tools"]]
    assert len(set(sent)) == len(sent)
    assert sent[2] == "a_b", "a good name stays"
    assert all(len(name) <= 128 and name.replace("_", "").isalnum() for name in sent)
    assert body["tool_choice"]["name"] == sent[1]


def test_web_search() -> None:
    place = {"type": "approximate", "approximate": {"city": "Paris", "country": "FR", "zip": "75001"}}
    body = build(web_search_options={"search_context_size": "high", "user_location": place}, tools=[TOOL])
    assert body["tools"][1] == {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 10,
        "user_location": {"type": "approximate", "city": "Paris", "country": "FR"},
    }
    assert build(web_search_options={})["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]


# -- thinking ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("minimal", 1024), ("low", 1024), ("medium", 2048), ("high", 4096), ("xhigh", 8192), ("max", 16384)],
)
def test_effort_is_a_budget_on_older_models(effort: str, budget: int) -> None:
    body = build(reasoning_effort=effort)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["max_tokens"] == budget + 4096


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("claude-sonnet-4-6", "minimal", "low"),
        ("claude-sonnet-4-6", "xhigh", "high"),
        ("claude-sonnet-4-6", "max", "max"),
        (OPUS, "xhigh", "xhigh"),
        (OPUS, {"effort": "medium", "summary": "auto"}, "medium"),
    ],
)
def test_effort_guides_adaptive_models(model: str, effort: Any, wanted: str) -> None:
    body = build(model, reasoning_effort=effort)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": wanted}
    assert body["max_tokens"] == 128_000


@pytest.mark.parametrize(
    ("model", "thinking", "config"),
    [
        (SONNET, None, None),
        ("claude-opus-4-8", None, None),
        (OPUS, {"type": "disabled"}, None),
        ("claude-fable-5", None, {"effort": "low"}),
    ],
)
def test_no_effort(model: str, thinking: Any, config: Any) -> None:
    body = build(model, reasoning_effort="none")
    assert (body.get("thinking"), body.get("output_config")) == (thinking, config)


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(BadRequestError, match="reasoning_effort"):
        build(reasoning_effort="enormous")


def test_the_callers_own_thinking_wins() -> None:
    own = {"type": "enabled", "budget_tokens": 3000}
    assert build(thinking=own, reasoning_effort="high")["thinking"] == own
    assert build(thinking={"type": "disabled"}) == {**build(), "thinking": {"type": "disabled"}}
    adaptive = build(OPUS, thinking=own)
    assert adaptive["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert adaptive["output_config"] == {"effort": "medium"}
    assert build(OPUS, thinking=own, output_config={"effort": "max"})["output_config"] == {"effort": "max"}


def test_no_tool_can_be_forced_while_thinking() -> None:
    assert "tool_choice" not in build(tools=[TOOL], tool_choice="required", reasoning_effort="low")
    assert build(tools=[TOOL], tool_choice="none", reasoning_effort="low")["tool_choice"] == {"type": "none"}
    assert build(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, reasoning_effort="low")[
        "tool_choice"
    ] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_budget_that_nearly_fills_the_model_leaves_what_is_left() -> None:
    assert build(thinking={"type": "enabled", "budget_tokens": 63_000})["max_tokens"] == 64_000
    assert build(thinking={"type": "enabled", "budget_tokens": 70_000})["max_tokens"] == 74_096


# -- formats -----------------------------------------------------------------------------------------------------


def test_json_by_the_vendors_own_means() -> None:
    closed = {**SCHEMA, "additionalProperties": False}
    beta = translate(response_format=FORMAT)
    assert beta.body["output_format"] == {"type": "json_schema", "schema": closed}
    assert beta.betas == ["structured-outputs-2025-11-13"]
    native = translate(OPUS, response_format=FORMAT, reasoning_effort="low")
    assert native.body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": closed}}
    assert native.betas == []


def test_json_by_a_tool_on_older_models() -> None:
    body = build(OLD, response_format=FORMAT)
    assert body["tools"] == [{"name": JSON_TOOL, "input_schema": SCHEMA}]
    assert body["tool_choice"] == {"type": "tool", "name": JSON_TOOL}
    with_tools = build(OLD, response_format=FORMAT, tools=[TOOL])
    assert [each["name"] for each in with_tools["tools"]] == ["f", JSON_TOOL]
    assert with_tools["tool_choice"] == {"type": "any"}, "a call, or the answer"
    named = {"type": "function", "function": {"name": "f"}}
    assert build(OLD, response_format=FORMAT, tools=[TOOL], tool_choice=named)["tool_choice"]["name"] == "f"
    thinking = build("claude-3-7-sonnet-20250219", response_format=FORMAT, reasoning_effort="low")
    assert "tool_choice" not in thinking


def test_json_without_a_schema_and_plain_text_change_nothing() -> None:
    assert build(response_format={"type": "json_object"}) == build(response_format={"type": "text"}) == build()
    with pytest.raises(BadRequestError, match="schema"):
        build(response_format={"type": "json_schema"})


def test_schemas_are_brought_within_the_limits() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "Years"},
            "when": {"type": "string", "format": "date"},
            "code": {"type": "string", "format": "iban", "pattern": "^A"},
            "tags": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"oneOf": [{"type": "string"}]}},
            "child": {"$ref": "#/$defs/child"},
            "map": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        },
        "$defs": {"child": {"type": "object", "properties": {"additionalProperties": {"type": "null"}}}},
    }
    before = repr(schema)
    assert output_schema(schema) == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": 'Years\n\n{"minimum":0}'},
            "when": {"type": "string", "format": "date"},
            "code": {"type": "string", "description": '{"format":"iban","pattern":"^A"}'},
            "tags": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [{"type": "string"}]},
                "description": '{"maxItems":3}',
            },
            "child": {"$ref": "#/$defs/child"},
            "map": {"type": ["object", "null"], "additionalProperties": False},
        },
        "$defs": {
            "child": {
                "type": "object",
                "properties": {"additionalProperties": {"type": "null"}},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }
    assert repr(schema) == before


# -- the rest ----------------------------------------------------------------------------------------------------


def test_limits_stops_and_what_is_the_vendors_own() -> None:
    assert build(max_tokens=5, max_completion_tokens=7)["max_tokens"] == 7
    assert build(max_tokens=None)["max_tokens"] == 64_000
    assert build(stop="END")["stop_sequences"] == ["END"]
    assert build(stop=["\n"])["stop_sequences"] == ["\n"]
    assert "stop_sequences" not in build(stop=[])
    assert build(top_k=3, container="c", temperature=None)["top_k"] == 3
    assert "temperature" not in build(temperature=None)
    assert not {"stream", "stream_options", "model", "n"} & build(stream=True, stream_options={}).keys()


def test_newer_models_sample_by_themselves() -> None:
    assert not {"temperature", "top_p"} & build(OPUS, temperature=1, top_p=1.0).keys()
    for members in ({"temperature": 0.4}, {"top_p": 0.9}):
        with pytest.raises(UnsupportedParamsError, match="only 1"):
            build(OPUS, **members)
        assert build(OPUS, drop=True, top_k=5, **members) == build(OPUS)
    assert build(drop=True, temperature=0.4, top_k=5)["top_k"] == 5, "older models take them all"
    assert build(drop=True, stop=[" ", "END"])["stop_sequences"] == ["END"]


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"user": "u-42"}, {"user_id": "u-42"}),
        ({"user": "ana@example.com"}, None),
        ({"user": "+49 (30) 123456"}, None),
        ({"metadata": {"user_id": "m-1", "tags": ["x"]}, "user": "u-42"}, {"user_id": "m-1"}),
        ({"metadata": {"tags": ["x"]}}, None),
    ],
)
def test_who_the_user_is(members: dict[str, Any], wanted: Any) -> None:
    assert build(**members).get("metadata") == wanted


@pytest.mark.parametrize(
    ("members", "betas"),
    [
        ({"tools": [{"type": "computer_20251124", "name": "computer"}]}, ["computer-use-2025-11-24"]),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, []),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, ["web-fetch-2025-09-10"]),
        ({"tools": [{**TOOL, "input_examples": [{}]}]}, ["advanced-tool-use-2025-11-20"]),
        ({"tools": [{**TOOL, "strict": True}]}, ["structured-outputs-2025-11-13"]),
        ({"tools": [{"type": "mcp_toolset"}], "mcp_servers": [{"name": "x"}]}, ["mcp-client-2025-11-20"]),
        ({"speed": "fast"}, ["fast-mode-2026-02-01"]),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, ["compact-2026-01-12"]),
        (
            {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
            ["context-management-2025-06-27"],
        ),
        ({"container": {"skills": [{}]}}, ["code-execution-2025-08-25", "skills-2025-10-02"]),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}]},
            ["files-api-2025-04-14"],
        ),
        ({"anthropic_beta": ["a", "b"], "speed": "fast"}, ["a", "b", "fast-mode-2026-02-01"]),
    ],
)
def test_betas_by_feature(members: dict[str, Any], betas: list[str]) -> None:
    assert translate(**members).betas == betas


def test_effort_is_a_beta_on_one_model_only() -> None:
    assert translate("claude-opus-4-5", output_config={"effort": "low"}).betas == ["effort-2025-11-24"]
    assert translate("claude-opus-4-6", output_config={"effort": "low"}).betas == []


# -- mending -----------------------------------------------------------------------------------------------------


def test_without_leave_nothing_is_mended() -> None:
    body = build(stop=["\n"], temperature=1.5, top_p=0.5, max_tokens=100, reasoning_effort="high")
    assert body["stop_sequences"] == ["\n"]
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.5, 0.5, 100)
    assert body["thinking"]["budget_tokens"] == 4096


def test_with_leave_the_request_is_made_to_fit() -> None:
    body = build(modify=True, stop=["\n", "END"], temperature=1.5, top_p=0.5, max_tokens=90_000)
    assert body["stop_sequences"] == ["END"]
    assert body["temperature"] == 1
    assert "top_p" not in body
    assert body["max_tokens"] == 64_000
    assert "stop_sequences" not in build(modify=True, stop=["\n"])


def test_with_leave_thinking_is_made_to_fit() -> None:
    assert build(modify=True, reasoning_effort="high", max_tokens=3000)["thinking"]["budget_tokens"] == 1500
    assert "thinking" not in build(modify=True, reasoning_effort="high", max_tokens=1000)
    assert "temperature" not in build(modify=True, reasoning_effort="high", temperature=0.5)
    assert "thinking" not in build(modify=True, reasoning_effort="high", messages=HISTORY), "its thinking is lost"


def test_with_leave_the_user_speaks_first() -> None:
    spoken = build(modify=True, messages=[{"role": "assistant", "content": "Hi"}])["messages"]
    assert [turn["role"] for turn in spoken] == ["user", "assistant"]
    assert (
        build(modify=True, messages=[{"role": "system", "content": "x"}])["messages"][0]["content"][0]["text"]
        == CONTINUE
    )
