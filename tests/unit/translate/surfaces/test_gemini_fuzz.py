"""Whatever JSON a client sends as a Gemini request: it is a chat request, or a bad request, and never a crash."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.surfaces.gemini import EVENTS, WHOLE, counted_request

# fmt: off
NAMES = [
    "contents", "parts", "role", "text", "thought", "thoughtSignature", "functionCall", "functionResponse",
    "inlineData", "fileData", "mimeType", "data", "fileUri", "name", "args", "id", "response", "generationConfig",
    "thinkingConfig", "thinkingBudget", "thinkingLevel", "includeThoughts", "responseSchema", "responseMimeType",
    "responseFormat", "responseModalities", "speechConfig", "voiceConfig", "tools", "functionDeclarations",
    "parameters", "googleSearch", "toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames",
    "systemInstruction", "cachedContent", "serviceTier", "type", "properties", "items", "anyOf", "required", "enum",
    "nullable", "propertyOrdering", "mediaResolution", "level", "executableCode", "codeExecutionResult",
    "stopSequences", "inline_data", "function_call",
]
# fmt: on
WORDS = ["user", "model", "text/plain", "image/png", "ANY", "OBJECT", "ARRAY", "application/json", "aGk=", "LOW", ""]
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["OBJECT", "object", "ARRAY", "STRING", 1, ["string", "null"]])},
        optional={
            "properties": inner | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
            "required": st.lists(st.sampled_from(NAMES) | inner, max_size=3) | inner,
            "propertyOrdering": st.lists(st.sampled_from(NAMES) | inner, max_size=3) | inner,
            "items": inner,
            "anyOf": st.lists(inner, max_size=2) | inner,
            "enum": st.lists(inner, max_size=2) | inner,
            "nullable": st.booleans(),
            "minItems": st.sampled_from(["1", "²", 1, None]),
            "additionalProperties": inner,
        },
    ),
    max_leaves=12,
)
PARTS = st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3), max_size=3)
CONTENTS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "model"]), "parts": PARTS}), min_size=1, max_size=3
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


@given(BODIES, CONTENTS | VALUES)
@settings(max_examples=150, deadline=None)
def test_requests(body: dict[str, Any], contents: Any) -> None:
    body = {**body, "contents": contents}
    before = orjson.dumps(body)
    for read in (WHOLE.to_chat, WHOLE.check_sayable, counted_request):
        try:
            read(body)
        except BadRequestError:
            continue
    assert orjson.dumps(body) == before, "the client's body was changed"


@given(st.sampled_from(["responseSchema", "responseJsonSchema", "thinkingConfig", "speechConfig"]), VALUES | SCHEMAS)
@settings(max_examples=120, deadline=None)
def test_configs(name: str, value: Any) -> None:
    contents = [{"parts": [{"text": "Hi"}]}]
    try:
        WHOLE.to_chat({"contents": contents, "generationConfig": {name: value}})
    except BadRequestError:
        pass


@given(SCHEMAS, VALUES)
@settings(max_examples=80, deadline=None)
def test_tools(parameters: Any, config: Any) -> None:
    tools = [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]
    contents = [{"parts": [{"text": "Hi"}]}]
    try:
        WHOLE.to_chat({"contents": contents, "tools": tools, "toolConfig": {"functionCallingConfig": config}})
    except BadRequestError:
        pass


@given(VALUES, BODIES)
@settings(max_examples=80, deadline=None)
def test_what_was_asked_for_does_not_spoil_an_answer(config: Any, body: dict[str, Any]) -> None:
    asked = {**body, "generationConfig": config}
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    assert WHOLE.answer({"choices": [choice]}, asked)["candidates"][0]["content"]["parts"] == [{"text": "Hi"}]
    assert EVENTS.events("m", asked).end(None)


@pytest.mark.parametrize("depth", [50, 250])
def test_deep_schemas(depth: int) -> None:
    schema: Any = {"type": "STRING"}
    for _ in range(depth):
        schema = {"type": "ARRAY", "items": schema}
    contents = [{"parts": [{"text": "Hi"}]}]
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    assert WHOLE.to_chat({"contents": contents, "generationConfig": config})["response_format"]
