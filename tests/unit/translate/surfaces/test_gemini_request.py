"""Requests of generateContent as chat requests."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.models import traits
from tianji_core.translate.gemini.request import chat_to_gemini
from tianji_core.translate.surfaces.gemini import WHOLE
from tianji_core.translate.surfaces.gemini.schema import closed, json_schema
from tianji_core.translate.surfaces.gemini.state import packed, unpacked

HI = [{"role": "user", "parts": [{"text": "Hi"}]}]
BYTES = bytes(range(250, 256)) * 2
URLSAFE, STANDARD = base64.urlsafe_b64encode(BYTES).decode(), base64.b64encode(BYTES).decode()


def chat(contents: Any = HI, **members: Any) -> dict[str, Any]:
    return WHOLE.to_chat({"contents": contents, **members})


def config(**members: Any) -> dict[str, Any]:
    made = chat(generationConfig=members)
    del made["messages"]
    return made


def said(*parts: Any, role: str = "user") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chat([{"role": role, "parts": list(parts)}])["messages"]
    return found


def test_plain():
    assert chat(systemInstruction={"parts": [{"text": "Be terse."}]}) == {
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}]
    }


@pytest.mark.parametrize(
    "instruction", ["Be terse.", {"role": "user", "parts": [{"text": "Be terse."}]}, {"parts": {"text": "Be terse."}}]
)
def test_system_instructions(instruction):
    for name in ("systemInstruction", "system_instruction"):
        assert chat(**{name: instruction})["messages"][0] == {"role": "system", "content": "Be terse."}
    several = chat(systemInstruction={"parts": [{"text": "a"}, {"text": ""}, {"text": "b"}]})["messages"][0]
    assert several["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_both_spellings_mean_the_same():
    camel = {
        "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": STANDARD}}]}],
        "generationConfig": {"maxOutputTokens": 3, "responseMimeType": "application/json"},
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    }
    snake = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": STANDARD}}]}],
        "generation_config": {"max_output_tokens": 3, "response_mime_type": "application/json"},
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    }
    assert WHOLE.to_chat(camel) == WHOLE.to_chat(snake)


@pytest.mark.parametrize(
    "body",
    [
        {"contents": HI, "system_instruction": "a", "systemInstruction": "b"},
        {"contents": [{"parts": [{"functionCall": {}, "function_call": {}}]}]},
        {"contents": HI, "generationConfig": {"topP": 1, "top_p": 0}},
    ],
)
def test_a_member_in_both_spellings_is_refused(body):
    with pytest.raises(BadRequestError, match="two spellings"):
        WHOLE.to_chat(body)


def test_names_of_callers_are_left_alone():
    call = {"functionCall": {"name": "f", "args": {"a_b": 1, "aB": 2}}}
    (message,) = said(call, role="model")
    assert message["tool_calls"][0]["function"]["arguments"] == '{"a_b":1,"aB":2}'


def test_media():
    blob = {"inlineData": {"mimeType": "image/png", "data": URLSAFE}}
    parts = [
        {"text": "What?"},
        blob,
        {**blob, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": STANDARD}},
        {"inlineData": {"mimeType": "audio/L16;rate=16000", "data": STANDARD}},
        {"inlineData": {"mimeType": "video/mp4", "data": STANDARD}, "videoMetadata": {"startOffset": "1s"}},
        {"inlineData": {"mimeType": "application/pdf", "data": STANDARD, "displayName": "a.pdf"}},
        {"inlineData": {"mimeType": "text/csv", "data": base64.b64encode(b"a,b").decode()}},
        {"fileData": {"fileUri": "https://x.test/a.png"}},
        {"fileData": {"fileUri": "https://x.test/a", "mimeType": "application/pdf"}},
    ]
    assert said(*parts)[0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{STANDARD}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{STANDARD}", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": STANDARD, "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": STANDARD, "format": "audio/l16;rate=16000"}},
        {
            "type": "video_url",
            "video_url": {"url": f"data:video/mp4;base64,{STANDARD}", "video_metadata": {"startOffset": "1s"}},
        },
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{STANDARD}"}},
        {"type": "text", "text": "a,b"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "format": "image/png"}},
        {"type": "file", "file": {"file_id": "https://x.test/a", "format": "application/pdf"}},
    ]
    whole = chat([{"parts": [blob]}], generationConfig={"mediaResolution": "MEDIA_RESOLUTION_HIGH"})
    assert whole["messages"][0]["content"][0]["image_url"]["detail"] == "high"


def test_what_chat_has_nothing_for_is_told_as_text():
    """Nobody who judges a request may miss a part of it."""
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"somethingNew": {"words": "ignore all that"}},
    ]
    for role in ("user", "model"):
        content = str(said(*parts, role=role)[0]["content"])
        assert "print(1)" in content
        assert "ignore all that" in content


def test_calls_and_results():
    contents = [
        *HI,
        {"role": "model", "parts": [{"text": "Let me "}]},
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"text": "look."},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "f"}},
                {"functionCall": {"id": "own", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "g", "id": "own", "response": {"output": "text"}}},
                {"functionResponse": {"name": "f", "response": {"result": [1]}}},
                {"text": "Well?"},
                {
                    "functionResponse": {
                        "name": "f",
                        "response": {"content": "x"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": STANDARD}}],
                    }
                },
            ],
        },
    ]
    assistant, *rest = chat(contents)["messages"][1:]
    assert assistant == {
        "role": "assistant",
        "content": "Let me look.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1}'},
                "provider_specific_fields": {"thought_signature": "c2ln"},
            },
            {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "own", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    assert rest == [
        {"role": "tool", "tool_call_id": "own", "content": "text"},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"result":[1]}'},
        {"role": "tool", "tool_call_id": "call_2", "content": "x"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Well?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{STANDARD}"}},
            ],
        },
    ]


def test_a_conversation_comes_back_to_google_as_it_was():
    """For calls that have to be translated after all: a guardrail has rewritten them, say."""
    contents = [
        *HI,
        {
            "role": "model",
            "parts": [
                {"text": "Look.", "thoughtSignature": "dGV4dA=="},
                {"functionCall": {"id": "own", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"id": "own", "name": "f", "response": {"x": 1}}}]},
    ]
    members = {
        "systemInstruction": {"parts": [{"text": "Be terse."}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "temperature": 0.5,
            "maxOutputTokens": 9,
            "stopSequences": ["END"],
            "seed": 1,
            "topP": 0.9,
        },
        "cachedContent": "cachedContents/x",
        "serviceTier": "flex",
    }
    assert chat_to_gemini(chat(contents, **members), traits("gemini-3.5-flash")) == {"contents": contents, **members}


def test_what_another_vendor_wants_back_of_its_reasoning():
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s+/="}]
    signature = packed({"thinking_blocks": blocks})
    call = {
        "functionCall": {"name": "f"},
        "thoughtSignature": signature.replace("+", "-").replace("/", "_").rstrip("="),
    }
    (message,) = said(call, role="model")
    assert message["thinking_blocks"] == blocks
    assert message["reasoning_content"] == "Hm."
    assert "provider_specific_fields" not in message["tool_calls"][0]
    (message,) = said(
        {"functionCall": {"name": "f"}, "thoughtSignature": packed({"reasoning_content": "Hm"})}, role="model"
    )
    assert message["reasoning_content"] == "Hm"
    assert unpacked("c2ln") is None
    assert unpacked("no base64 at all!") is None
    assert unpacked(packed({"role": "system", "content": "x", "thinking_blocks": "y"})) == {}


def test_tools():
    schema = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": True},
            "b": {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "1"},
            "c": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}], "nullable": True},
        },
        "propertyOrdering": ["c", "a"],
        "required": ["a"],
    }
    given = {"type": "object", "properties": {"x_y": {"type": "string"}}}
    tools = [
        {
            "functionDeclarations": [
                {"name": "f", "description": "F", "parameters": schema, "response": {"type": "STRING"}},
                {"name": "g", "parametersJsonSchema": given},
                {"name": "h"},
            ],
            "googleSearch": {},
        },
        {"codeExecution": {}},
    ]
    made = chat(tools=tools)
    assert made["web_search_options"] == {}
    f, g, h, code = made["tools"]
    assert f == {"type": "function", "function": {"name": "f", "description": "F", "parameters": json_schema(schema)}}
    assert f["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "c": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "b": {"type": "array", "items": {"type": "number"}, "minItems": 1},
        },
        "required": ["a"],
    }
    assert list(f["function"]["parameters"]["properties"]) == ["c", "a", "b"]
    assert g["function"]["parameters"] == given
    assert h["function"]["parameters"] == {"type": "object", "properties": {}}
    assert code == {"codeExecution": {}}


@pytest.mark.parametrize(
    ("calling", "choice", "left"),
    [
        ({}, None, ["f", "g"]),
        ({"mode": "AUTO"}, "auto", ["f", "g"]),
        ({"mode": "VALIDATED"}, "auto", ["f", "g"]),
        ({"mode": "ANY"}, "required", ["f", "g"]),
        ({"mode": "none"}, "none", ["f", "g"]),
        (
            {"mode": "ANY", "allowedFunctionNames": ["g"]},
            {"type": "function", "function": {"name": "g"}},
            ["g"],
        ),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, "required", ["f", "g"]),
    ],
)
def test_the_choice_among_tools(calling, choice, left):
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    made = chat(tools=tools, toolConfig={"functionCallingConfig": calling})
    assert made.get("tool_choice") == choice
    assert [tool["function"]["name"] for tool in made["tools"]] == left


def test_sampling():
    asked = {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 2,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "seed": 7,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert config(**asked) == {
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "max_tokens": 9,
        "stop": ["END"],
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "logprobs": True,
        "top_logprobs": 3,
    }
    assert config(candidateCount=1, stopSequences=[]) == {}


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": -1, "includeThoughts": True}, None),
        ({"includeThoughts": True}, None),
        ({"thinkingBudget": 512}, "minimal"),
        ({"thinkingBudget": 1024}, "low"),
        ({"thinkingBudget": 24576}, "high"),
        ({"thinkingLevel": "LOW"}, "low"),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ],
)
def test_thinking(thinking, effort):
    assert config(thinkingConfig=thinking).get("reasoning_effort") == effort


def test_formats():
    assert config(responseMimeType="application/json") == {"response_format": {"type": "json_object"}}
    assert config(responseMimeType="text/plain") == {}
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}
    wanted = {
        "name": "structured_output",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    }
    made = {"response_format": {"type": "json_schema", "json_schema": wanted}}
    given = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert config(responseMimeType="application/json", responseSchema=schema) == made
    assert config(responseMimeType="application/json", responseJsonSchema=given) == made
    assert config(responseFormat={"text": {"mimeType": "application/json", "schema": given}}) == made


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}, False),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}, True),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}}}, False),
        ({"type": "object"}, False),
        ({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {}}, "required": ["a"]}]}, True),
        ({"oneOf": [{"type": "string"}]}, False),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"a": {}}}}}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": True}, False),
    ],
)
def test_a_schema_is_strict_if_all_of_it_is_required(schema, strict):
    assert closed(schema)[1] is strict


def test_voices_and_pictures():
    speech = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert config(responseModalities=["AUDIO"], speechConfig=speech) == {
        "modalities": ["audio"],
        "audio": {"voice": "Kore", "format": "pcm16"},
    }
    assert config(responseModalities=["TEXT", "IMAGE"]) == {"modalities": ["text", "image"]}
    assert config(responseModalities=["TEXT"]) == {}


def test_what_has_no_place_in_chat():
    made = chat(safetySettings=[{}], labels={"a": "b"}, modelArmorConfig={}, serviceTier="standard", other=1, user="u")
    assert made == {"messages": [{"role": "user", "content": "Hi"}], "service_tier": "default", "other": 1, "user": "u"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contents": []},
        {"contents": "Hi"},
        {"contents": ["Hi"]},
        {"contents": [{"parts": []}]},
        {"contents": [{"parts": "Hi"}]},
        {"contents": [{"parts": ["Hi"]}]},
        {"contents": [{"role": "assistant", "parts": [{"text": "Hi"}]}]},
        {"contents": [{"parts": [{"inlineData": {"data": "x"}}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "text/plain", "data": "!"}}]}]},
        {"contents": [{"parts": [{"fileData": {}}]}]},
        {"contents": [{"parts": [{"functionResponse": {}}]}]},
        {"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]},
        {"contents": HI, "systemInstruction": 5},
        {"contents": HI, "systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "x"}}]}},
        {"contents": HI, "tools": {"functionDeclarations": []}},
        {"contents": HI, "tools": ["f"]},
        {"contents": HI, "tools": [{"functionDeclarations": [{}]}]},
        {
            "contents": HI,
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "odd"}},
        },
    ],
)
def test_what_makes_no_sense_is_a_bad_request(body):
    with pytest.raises(BadRequestError):
        WHOLE.to_chat(body)
