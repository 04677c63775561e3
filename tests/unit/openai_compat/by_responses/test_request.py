"""Chat requests as Responses requests."""

from __future__ import annotations

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.openai_compat.by_responses.request import responses_request, unsayable
from tianji_core.translate.encrypted import encrypted_block


def sent(*messages, system="developer", thinks=True, **members):
    messages = messages or ({"role": "user", "content": "Hi"},)
    return responses_request({"model": "m", "messages": list(messages), **members}, system=system, thinks=thinks)


def said(role, text, kind="input_text"):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def test_plain():
    assert sent(thinks=False) == {"model": "m", "input": [said("user", "Hi")], "store": False}


def test_the_state_of_reasoning_is_asked_of_models_that_have_one():
    assert sent()["include"] == ["reasoning.encrypted_content"]
    assert "include" not in sent(thinks=False)
    asked = sent(include=["file_search_call.results", "reasoning.encrypted_content"], logprobs=True)["include"]
    assert asked == ["file_search_call.results", "reasoning.encrypted_content", "message.output_text.logprobs"]


def test_what_is_stored_is_the_clients_choice():
    assert sent(store=True)["store"] is True
    assert sent(store=None)["store"] is False


def test_system_messages():
    first, second = (
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
    )
    user = {"role": "user", "content": "Hi"}
    body = sent(first, second, user, {"role": "system", "content": "c"})
    assert body["instructions"] == "a\nb"
    assert body["input"] == [said("user", "Hi"), said("developer", "c")]
    assert sent(first, system="system")["input"] == [said("system", "a")]
    assert "instructions" not in sent(first)


def test_the_word_json_has_to_be_in_the_input():
    system = {"role": "system", "content": "Answer in JSON."}
    body = sent(system, {"role": "user", "content": "Hi"}, response_format={"type": "json_object"})
    assert "instructions" not in body
    assert body["input"][0] == said("developer", "Answer in JSON.")


def test_what_a_user_shows():
    parts = [
        {"type": "text", "text": "See", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": "https://x.test/a.png"},
        {"type": "image_url", "image_url": {"url": "https://x.test/b.png", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}},
        {"type": "file", "file": {"file_id": "file-1", "format": "application/pdf"}},
        {"type": "file", "file": {"file_id": "https://x.test/c.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_image", "file_id": "file-2", "cache_control": {}},
    ]
    assert sent({"role": "user", "content": parts})["input"][0]["content"] == [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
        {"type": "input_image", "image_url": "https://x.test/b.png", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "document.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://x.test/c.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_image", "file_id": "file-2"},
    ]


def test_what_the_assistant_did():
    call = {"id": "call_1__thought__abc", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message = {
        "role": "assistant",
        "content": "Let me look.",
        "refusal": "No.",
        "reasoning_content": "Hm.",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "Claude's", "signature": "sig"},
            encrypted_block("Hm.", "ENC1"),
            encrypted_block("", "ENC2"),
        ],
        "tool_calls": [call, {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}}],
    }
    assert sent({"role": "user", "content": "Hi"}, message)["input"][1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "ENC1"},
        {"type": "reasoning", "summary": [], "encrypted_content": "ENC2"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Let me look."}, {"type": "refusal", "refusal": "No."}],
        },
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "call_2", "name": "g", "arguments": "{}"},
    ]


def test_parts_of_an_assistant():
    parts = [
        {"type": "thinking", "thinking": "x", "signature": "y"},
        {"type": "text", "text": "a"},
        {"type": "refusal", "refusal": "b"},
    ]
    found = sent({"role": "user", "content": "Hi"}, {"role": "assistant", "content": parts})["input"][1]["content"]
    assert found == [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]


def test_results_of_tools():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    results = [
        {"role": "tool", "tool_call_id": "call_1__thought__abc", "content": "18 C"},
        {"role": "tool", "tool_call_id": "call_2", "content": texts},
        {"role": "tool", "tool_call_id": "call_3", "content": [image]},
        {"role": "tool", "tool_call_id": "call_4", "content": None},
    ]
    found = sent({"role": "user", "content": "Hi"}, *results)["input"][1:]
    shown = [{"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}]
    assert [(item["call_id"], item["output"]) for item in found] == [
        ("call_1", "18 C"),
        ("call_2", "a\nb"),
        ("call_3", shown),
        ("call_4", ""),
    ]


def test_tools():
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    tools = [
        {"type": "function", "function": function, "cache_control": {}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "mcp", "server_label": "s", "cache_control": {}},
    ]
    assert sent(tools=tools)["tools"] == [
        {"type": "function", **function},
        {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "mcp", "server_label": "s"},
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_tool_choice(choice, wanted):
    tool = {"type": "function", "function": {"name": "f"}}
    assert sent(tools=[tool], tool_choice=choice)["tool_choice"] == wanted


def test_a_web_search():
    place = {"type": "approximate", "approximate": {"city": "Paris"}}
    body = sent(web_search_options={"search_context_size": "low", "user_location": place})
    where = {"type": "approximate", "city": "Paris"}
    assert body["tools"] == [{"type": "web_search", "search_context_size": "low", "user_location": where}]
    assert sent(web_search_options={})["tools"] == [{"type": "web_search"}]


def test_params():
    schema = {"name": "s", "schema": {"type": "object"}, "strict": True}
    body = sent(
        max_tokens=5,
        reasoning_effort="low",
        verbosity="low",
        response_format={"type": "json_schema", "json_schema": schema},
        temperature=0.5,
        parallel_tool_calls=False,
        truncation="auto",
        stream=True,
        stream_options={"include_usage": True, "include_obfuscation": False},
    )
    assert {name: body[name] for name in body if name not in ("model", "input", "include", "store")} == {
        "max_output_tokens": 16,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", **schema}, "verbosity": "low"},
        "temperature": 0.5,
        "parallel_tool_calls": False,
        "truncation": "auto",
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    assert sent(max_tokens=5, max_completion_tokens=100)["max_output_tokens"] == 100
    assert "stream_options" not in sent(stream_options={"include_usage": True})


def test_a_summary_can_be_asked_for():
    assert sent(reasoning_effort={"effort": "high", "summary": "auto"})["reasoning"]["summary"] == "auto"
    both = sent(reasoning_effort="high", reasoning={"summary": "auto"})["reasoning"]
    assert both == {"effort": "high", "summary": "auto"}


def test_what_responses_have_nothing_for():
    assert unsayable({"n": 1, "seed": None, "frequency_penalty": 0, "stop": [], "modalities": ["text"]}) == []
    assert unsayable({"n": 2, "seed": 0, "stop": "x"}) == ["n", "seed", "stop"]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "function", "name": "f", "content": "1"},
        {"role": "narrator", "content": "Meanwhile"},
        {"role": "user", "content": [{"type": "video_url", "video_url": {}}]},
        {"role": "user", "content": ["text"]},
        {"role": "assistant", "content": [{"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "c"}}]},
    ],
)
def test_what_no_item_can_say_is_refused(message):
    with pytest.raises(BadRequestError, match=r"messages\[1\]"):
        sent({"role": "user", "content": "Hi"}, message)
