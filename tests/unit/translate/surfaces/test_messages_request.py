"""Messages requests as chat requests."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.surfaces.messages import MESSAGES

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aW1n"}}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    turns = list(messages) or [{"role": "user", "content": "Hi"}]
    return MESSAGES.to_chat({"model": "m", "max_tokens": 9, "messages": turns, **more})


def said(content: Any, role: str = "user") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chat({"role": role, "content": content})["messages"]
    return found


def test_plain():
    assert chat(system="Be terse.", stop_sequences=["END"], temperature=0.5, top_k=3, stream=True) == {
        "model": "m",
        "max_tokens": 9,
        "temperature": 0.5,
        "top_k": 3,
        "stream": True,
        "stop": ["END"],
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}],
    }


def test_system_blocks_keep_their_markers():
    blocks = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": ""}]
    assert chat(system=blocks)["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}],
    }
    assert chat(system=[])["messages"][0]["role"] == "user"


def test_pictures_and_documents():
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "cGRm"}
    content = [
        {"type": "text", "text": "What?"},
        PNG,
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {"type": "document", "title": "a.pdf", "source": pdf},
        {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "search_result", "title": "S", "source": "https://s.test", "content": [{"type": "text", "text": "f"}]},
    ]
    assert said(content) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
                {"type": "text", "text": "T\nwords"},
                {"type": "text", "text": "S\nhttps://s.test\nf"},
            ],
        }
    ]


def test_results_of_tools_come_before_what_the_user_says():
    content = [
        {"type": "text", "text": "Here."},
        {"type": "tool_result", "tool_use_id": "a", "content": "18"},
        {"type": "tool_result", "tool_use_id": "b", "is_error": True, "content": [{"type": "text", "text": "no"}, PNG]},
        {"type": "tool_result", "tool_use_id": "c"},
    ]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
    assert said(content) == [
        {"role": "tool", "tool_call_id": "a", "content": "18"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: no"},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "Here."}, picture]},
    ]


def test_what_the_assistant_did():
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "Let me look."},
        {"type": "server_tool_use", "id": "x", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "x", "content": []},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    assert said(content, "assistant") == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
            "thinking_blocks": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
            ],
            "reasoning_content": "Hm.",
        }
    ]


def test_tools():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = [
        {"name": "f", "description": "F", "input_schema": schema, "cache_control": {"type": "ephemeral"}},
        {"type": "custom", "name": "g", "input_schema": {}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search", "user_location": {"type": "approximate", "city": "Bern"}},
    ]
    made = chat(tools=tools, tool_choice={"type": "any", "disable_parallel_tool_use": True})
    assert made["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "F", "parameters": schema},
            "cache_control": {"type": "ephemeral"},
        },
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
        },
    ]
    assert made["tool_choice"] == "required"
    assert made["parallel_tool_calls"] is False
    assert made["web_search_options"] == {"user_location": {"type": "approximate", "approximate": {"city": "Bern"}}}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tool_choice(choice, wanted):
    assert chat(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)["tool_choice"] == wanted


@pytest.mark.parametrize(
    ("members", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "high"),
        ({"thinking": {"type": "enabled", "budget_tokens": 60000}}, "high"),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "medium"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, "high"),
        ({"output_config": {"effort": "low"}}, "low"),
    ],
)
def test_thinking(members, effort):
    assert chat(**members)["reasoning_effort"] == effort


def test_formats():
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "json_schema": {"name": "structured_output", "strict": True, "schema": schema}}
    asked = {"type": "json_schema", "schema": schema}
    assert chat(output_config={"format": asked})["response_format"] == wanted
    assert chat(output_format=asked)["response_format"] == wanted


def test_metadata_names_the_user_and_goes_no_further():
    made = chat(metadata={"user_id": "u1"}, container="c", mcp_servers=[])
    assert made["user"] == "u1"
    assert not {"metadata", "container", "mcp_servers"} & made.keys()


def test_tools_that_run_at_the_vendor_are_for_its_own_models():
    tool = {"type": "bash_20250124", "name": "x"}
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    assert MESSAGES.to_chat(body)["tools"] == [tool]
    with pytest.raises(BadRequestError, match="another vendor"):
        MESSAGES.check_sayable(body)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "A"},
        {"type": "container_upload", "file_id": "f"},
    ],
)
def test_files_that_are_at_the_vendor(block):
    made = chat(messages=[{"role": "user", "content": [block]}])
    assert made["messages"][0]["content"] == [{"type": "file", "file": {"file_id": "f"}}]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": "Hi"},
        {"messages": ["Hi"]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_use"}]}]},
        {"messages": [{"role": "user", "content": ["text"]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "image"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "id": "f"}}]}]},
        {"tools": [{"type": 5, "name": "bash"}]},
        {"tools": [{"input_schema": {}}]},
        {"tools": ["f"]},
        {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "odd"}},
        {"max_tokens": None},
        {"tools": 5},
        {"tools": True},
        {"tools": {"name": "x"}},
    ],
)
def test_what_makes_no_sense_is_a_bad_request(body):
    with pytest.raises(BadRequestError):
        MESSAGES.to_chat({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **body})
