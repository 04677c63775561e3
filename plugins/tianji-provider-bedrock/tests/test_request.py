"""Chat bodies as Converse's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError, UnsupportedParamsError
from tianji_core.translate.anthropic.content import EMPTY_TEXT
from tianji_core.translate.anthropic.messages import OPERATOR_NOTE
from tianji_core.translate.anthropic.structured import JSON_TOOL
from tianji_core.translate.encrypted import encrypted_block
from tianji_provider_bedrock.messages import DOCUMENT_TEXT, Names
from tianji_provider_bedrock.models import parse_model, traits
from tianji_provider_bedrock.request import chat_to_converse

OLD = "anthropic.claude-3-5-sonnet-20240620-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWEST = "anthropic.claude-opus-4-8-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
WANTS_JSON = {"type": "json_schema", "json_schema": {"name": "x", "description": "d", "schema": SCHEMA}}


def convert(*messages: Any, model: str = CLAUDE, flags: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    body = {"messages": list(messages) or [user("Hi")], **members}
    before = json.dumps(body)
    converted = chat_to_converse(body, traits(parse_model(model).name), **(flags or {}))
    assert json.dumps(body) == before, "what is shared with the next attempt was changed"
    return converted


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def call(call_id: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}, **more}


def result(call_id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


# -- messages ------------------------------------------------------------------------------------------------------


def test_roles_alternate_and_results_come_first() -> None:
    sent = convert(
        {"role": "system", "content": "S"},
        user("a"),
        user([{"type": "text", "text": "b"}, {"type": "text", "text": "  "}]),
        {"role": "assistant", "content": "", "tool_calls": [call("c/1", "f", '{"x": 1}'), call("c2", "g", "")]},
        {"role": "developer", "content": "Later."},
        result("c/1", "one", is_error=True),
        result("c2", [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {"url": PNG}}]),
        result("c2", "again"),
        user("go on"),
        tools=[tool("f")],
    )
    assert sent["system"] == [{"text": "S"}]
    assert sent["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "c_1", "name": "f", "input": {"x": 1}}},
                {"toolUse": {"toolUseId": "c2", "name": "g", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c_1", "content": [{"text": "one"}], "status": "error"}},
                {
                    "toolResult": {
                        "toolUseId": "c2",
                        "content": [
                            {"text": "two"},
                            {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                        ],
                    }
                },
                {"text": OPERATOR_NOTE},
                {"text": "Later."},
                {"text": "go on"},
            ],
        },
    ]


def test_turns_without_content() -> None:
    sent = convert(user(""), {"role": "assistant", "content": None}, result("c", ""), user([]))
    assert [turn["content"] for turn in sent["messages"]] == [
        [{"text": EMPTY_TEXT}],
        [{"text": EMPTY_TEXT}],
        [{"toolResult": {"toolUseId": "c", "content": [{"text": EMPTY_TEXT}]}}],
    ]
    with pytest.raises(BadRequestError, match="not a system message"):
        convert({"role": "system", "content": "S"})
    mended = convert({"role": "system", "content": "S"}, flags={"modify": True})
    assert [turn["role"] for turn in mended["messages"]] == ["user"]
    first = convert({"role": "assistant", "content": "Yes "}, flags={"modify": True})["messages"]
    assert [turn["role"] for turn in first] == ["user", "assistant"]
    assert first[1]["content"] == [{"text": "Yes"}]


def test_reasoning_goes_back_signed() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "abc="},
        {"type": "thinking", "thinking": "another vendor's"},
        encrypted_block("OpenAI's", "ENC"),
        encrypted_block("", "ENC"),
    ]
    sent = convert(user("a"), {"role": "assistant", "content": "b", "thinking_blocks": blocks}, user("c"))
    assert sent["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "abc="}},
        {"text": "b"},
    ]


def test_cache_points() -> None:
    mark, hour = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    messages = (
        {"role": "system", "content": [{"type": "text", "text": "S", "cache_control": hour}]},
        user("a", cache_control=mark),
        {"role": "assistant", "tool_calls": [call("c", "f")]},
        result("c", [{"type": "text", "text": "r", "cache_control": mark}]),
    )
    tools = [tool("f", cache_control=mark)]
    point, long = {"cachePoint": {"type": "default"}}, {"cachePoint": {"type": "default", "ttl": "1h"}}
    sent = convert(*messages, tools=tools)
    assert sent["system"] == [{"text": "S"}, long]
    assert sent["messages"][0]["content"] == [{"text": "a"}, point]
    assert sent["messages"][2]["content"][1] == point
    assert sent["toolConfig"]["tools"][1] == point
    assert convert(*messages, tools=tools, model=NOVA)["system"] == [{"text": "S"}, point]
    assert "cachePoint" not in json.dumps(convert(*messages, tools=tools, model=OLD))


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "image_url", "image_url": PNG}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}),
        (
            {"type": "image_url", "image_url": {"url": "s3://b/x.jpg"}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/x.jpg"}}}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}},
        ),
        ({"type": "guarded_text", "text": "g"}, {"guardContent": {"text": {"text": "g"}}}),
        ({"type": "refusal", "refusal": "No."}, {"text": "No."}),
    ],
)
def test_content_parts(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert convert(user([part]))["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    ("file", "form"),
    [
        ({"file_data": "data:application/pdf;base64,AAAA"}, "pdf"),
        ({"file_data": "AAAA", "filename": "a.docx"}, "docx"),
        ({"file_data": "data:text/plain;base64,AAAA", "filename": "a.md"}, "md"),
        ({"file_data": "data:text/x-python,print", "filename": "a.py"}, "txt"),
        ({"file_data": "data:application/octet-stream;base64,AAAA", "filename": "a.XLSX"}, "xlsx"),
        ({"file_id": "s3://b/a.csv"}, "csv"),
    ],
)
def test_documents_have_a_format_a_name_and_a_text_beside_them(file: dict[str, Any], form: str) -> None:
    document, text = convert(user([{"type": "file", "file": file}]))["messages"][0]["content"]
    assert document["document"]["format"] == form
    assert document["document"]["name"].startswith("document-")
    assert text == {"text": DOCUMENT_TEXT}


def test_documents_that_are_there_twice_have_two_names() -> None:
    part = {
        "type": "file",
        "file": {"file_data": "data:application/pdf;base64,AAAA", "citations": True, "context": "c"},
    }
    content = convert(user([part, part, {"type": "text", "text": "?"}]))["messages"][0]["content"]
    names = [block["document"]["name"] for block in content[:2]]
    assert names[1] == f"{names[0]}-2"
    assert content[0]["document"]["citations"] == {"enabled": True}
    assert content[0]["document"]["context"] == "c"
    assert len(content) == 3


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (user(5), BadRequestError),
        (user([5]), BadRequestError),
        (user([{"type": "dance"}]), UnsupportedCapabilityError),
        (user([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]), BadRequestError),
        (user([{"type": "image_url", "image_url": {}}]), BadRequestError),
        (user([{"type": "file", "file": {"file_id": "file-1"}}]), BadRequestError),
        (user([{"type": "file", "file": {}}]), BadRequestError),
        (user([{"type": "file", "file": {"file_data": "AAAA", "filename": "a.exe"}}]), UnsupportedCapabilityError),
        (user([{"type": "input_audio", "input_audio": {"format": "x"}}]), BadRequestError),
        ({"role": "system", "content": [{"type": "image_url", "image_url": PNG}]}, BadRequestError),
        ({"role": "tool", "content": "x"}, BadRequestError),
        ({"role": "bishop", "content": "x"}, BadRequestError),
    ],
)
def test_what_cannot_be_said(message: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        convert(message)


# -- tools ---------------------------------------------------------------------------------------------------------


def test_tools_and_choices() -> None:
    strict = {"type": "function", "function": {"name": "g h", "strict": True}}
    sent = convert(tools=[tool("f"), strict], tool_choice={"type": "function", "function": {"name": "g h"}})
    first, second = (each["toolSpec"] for each in sent["toolConfig"]["tools"])
    assert first == {"name": "f", "description": "f", "inputSchema": {"json": SCHEMA}}
    assert (second["name"], second["strict"]) == ("g_h", True)
    assert second["inputSchema"] == {"json": {"type": "object", "properties": {}}}
    assert sent["toolConfig"]["toolChoice"] == {"tool": {"name": "g_h"}}
    for choice, converted in (("auto", {"auto": {}}), ("required", {"any": {}}), (None, None)):
        assert convert(tools=[tool("f")], tool_choice=choice)["toolConfig"].get("toolChoice") == converted
    with pytest.raises(BadRequestError):
        convert(tools=[tool("f")], tool_choice="perhaps")
    nova = convert(tools=[tool("f")], model=NOVA, web_search_options={})["toolConfig"]["tools"]
    assert "additionalProperties" not in nova[0]["toolSpec"]["inputSchema"]["json"]
    assert nova[1] == {"systemTool": {"name": "nova_grounding"}}


def test_names_of_tools_are_changed_and_changed_back() -> None:
    names = Names(["get weather", "get_weather", "1st", "x" * 80])
    vendor = [names.to_vendor(name) for name in ("get weather", "get_weather", "1st", "x" * 80)]
    assert vendor == ["get_weather_2", "get_weather", "a1st", "x" * 64]
    assert [names.to_caller(name) for name in vendor] == ["get weather", "get_weather", "1st", "x" * 80]


def test_one_call_at_a_time() -> None:
    sent = convert(tools=[tool("f")], parallel_tool_calls=False, tool_choice="required")
    assert sent["additionalModelRequestFields"]["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert "additionalModelRequestFields" not in convert(tools=[tool("f")], parallel_tool_calls=False, model=OLD)


def test_no_choice_of_tools() -> None:
    history = (user("a"), {"role": "assistant", "tool_calls": [call("c", "f")]}, result("c", "r"))
    assert "toolConfig" not in convert(tools=[tool("f")], tool_choice="none")
    with pytest.raises(UnsupportedParamsError, match="none"):
        convert(*history, tools=[tool("f")], tool_choice="none")
    dropped = convert(*history, tools=[tool("f")], tool_choice="none", flags={"drop": True})
    assert "toolChoice" not in dropped["toolConfig"]
    assert convert(*history)["toolConfig"]["tools"][0]["toolSpec"]["name"] == "dummy_tool"


def test_tools_of_claude_itself() -> None:
    hosted = {"type": "computer_20250124", "name": "computer", "display_width_px": 1024}
    sent = convert(tools=[hosted, tool("f")], flags={"betas": "x"})
    extra = sent["additionalModelRequestFields"]
    assert extra["tools"] == [hosted]
    assert extra["anthropic_beta"] == ["x", "computer-use-2025-01-24"]
    assert [each["toolSpec"]["name"] for each in sent["toolConfig"]["tools"]] == ["f"]
    for other in ({"type": "mcp"}, {"type": "custom", "custom": {}}):
        with pytest.raises(UnsupportedCapabilityError):
            convert(tools=[other])
    with pytest.raises(UnsupportedCapabilityError):
        convert(tools=[hosted], model=NOVA)


# -- formats, reasoning, parameters --------------------------------------------------------------------------------


def test_schemas() -> None:
    told = convert(response_format=WANTS_JSON)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(told.pop("schema")) == SCHEMA
    assert told == {"name": "x", "description": "d"}
    old = convert(response_format=WANTS_JSON, model=OLD)["toolConfig"]
    assert [each["toolSpec"]["name"] for each in old["tools"]] == [JSON_TOOL]
    assert old["toolChoice"] == {"tool": {"name": JSON_TOOL}}
    both = convert(response_format=WANTS_JSON, model=OLD, tools=[tool("f")])["toolConfig"]
    assert both["toolChoice"] == {"any": {}}
    history = (user("a"), {"role": "assistant", "tool_calls": [call("c", "f")]}, result("c", "r"))
    assert convert(*history, response_format=WANTS_JSON, model=OLD)["toolConfig"]["toolChoice"] == {
        "tool": {"name": JSON_TOOL}
    }
    assert "toolConfig" not in convert(response_format={"type": "json_object"}, model=OLD)


@pytest.mark.parametrize(
    ("model", "effort", "extra"),
    [
        (CLAUDE, "high", {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        (
            NEWEST,
            "low",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        ("amazon.nova-2-lite-v1:0", "xhigh", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        ("amazon.nova-2-lite-v1:0", "none", {"reasoningConfig": {"type": "disabled"}}),
        ("openai.gpt-oss-20b-1:0", "low", {"reasoning_effort": "low"}),
        ("openai.gpt-5", "low", {"reasoning": {"effort": "low"}}),
    ],
)
def test_reasoning(model: str, effort: str, extra: dict[str, Any]) -> None:
    assert convert(model=model, reasoning_effort=effort)["additionalModelRequestFields"] == extra


def test_while_thinking() -> None:
    sent = convert(reasoning_effort="medium", tools=[tool("f")], tool_choice="required")
    assert "toolChoice" not in sent["toolConfig"]
    assert sent["inferenceConfig"] == {"maxTokens": 2048 + 4096}
    assert sent["additionalModelResponseFieldPaths"] == ["/usage/output_tokens_details"]
    history = (user("a"), {"role": "assistant", "tool_calls": [call("c", "f")]}, result("c", "r"))
    assert "additionalModelRequestFields" in convert(*history, reasoning_effort="low")
    mended = convert(*history, reasoning_effort="low", temperature=0.5, top_p=0.5, flags={"modify": True})
    assert "additionalModelRequestFields" not in mended
    assert mended["inferenceConfig"] == {"temperature": 0.5}


def test_parameters() -> None:
    sent = convert(
        temperature=0.1,
        top_p=0.2,
        top_k=3,
        stop="END",
        max_tokens=9,
        max_completion_tokens=7,
        n=1,
        user="u",
        service_tier="auto",
        foo={"a": None},
        additionalModelRequestFields={"bar": 1},
        performanceConfig={"latency": "optimized"},
        guardrailConfig={"guardrailIdentifier": "g", "streamProcessingMode": "async"},
        anthropic_beta="b1",
    )
    del sent["messages"]
    assert sent == {
        "inferenceConfig": {"temperature": 0.1, "topP": 0.2, "stopSequences": ["END"], "maxTokens": 7},
        "performanceConfig": {"latency": "optimized"},
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "serviceTier": {"type": "default"},
        "additionalModelRequestFields": {"foo": {"a": None}, "bar": 1, "top_k": 3, "anthropic_beta": ["b1"]},
    }
    streamed = convert(guardrailConfig={"streamProcessingMode": "async"}, flags={"stream": True})
    assert streamed["guardrailConfig"] == {"streamProcessingMode": "async"}
    assert convert(top_k=3, model=NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 3}}
    with pytest.raises(UnsupportedParamsError):
        convert(n=2)
    assert "n" not in convert(n=2, flags={"drop": True})
    with pytest.raises(UnsupportedParamsError):
        convert(temperature=0.5, model=NEWEST)
    assert convert(temperature=1, model=NEWEST)["inferenceConfig"] == {}
    with pytest.raises(BadRequestError):
        convert(stop=[1])
