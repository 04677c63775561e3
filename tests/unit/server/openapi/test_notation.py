"""Schemas written like TypeScript's types."""

from __future__ import annotations

import pytest

from tianji_core.api.members import OWN
from tianji_core.gateway.body import TYPES
from tianji_core.server.openapi.document import named_types, openapi
from tianji_core.server.openapi.notation import NotationError, parse_type, parse_types
from tianji_core.server.permissions import Doc, Permission, route
from tianji_core.wire.openai import PARAMS


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("string", {"type": "string"}),
        ("any", {}),
        ("binary", {"type": "string", "format": "binary"}),
        ("string | null", {"type": ["string", "null"]}),
        ('"a" | "b"', {"enum": ["a", "b"]}),
        ('"a"', {"const": "a"}),
        ("5 | true", {"enum": [5, True]}),
        ("Name", {"$ref": "#/components/schemas/Name"}),
        ("Name[]", {"type": "array", "items": {"$ref": "#/components/schemas/Name"}}),
        ("integer[][]", {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        ("(string | A)[]", {"type": "array", "items": {"anyOf": [{"type": "string"}, parse_type("A")]}}),
        ("A & B", {"allOf": [parse_type("A"), parse_type("B")]}),
        ("{ [name]: number }", {"type": "object", "additionalProperties": {"type": "number"}}),
        ("{}", {"type": "object"}),
        (
            '{ a: string, "b-c"?: boolean = false, d?: string[] }',
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string"},
                    "b-c": {"type": "boolean", "default": False},
                    "d": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["a"],
            },
        ),
        (
            "{\n  a: string // what it means\n  b?: number = -1.5\n}",
            {
                "type": "object",
                "properties": {
                    "a": {"type": "string", "description": "what it means"},
                    "b": {"type": "number", "default": -1.5},
                },
                "required": ["a"],
            },
        ),
    ],
)
def test_types(text, schema):
    assert parse_type(text) == schema


@pytest.mark.parametrize("text", ["", "{", "{ a }", "string string", "[]", "{ a: }", "A |", "$", "{ a?: string = b }"])
def test_what_is_no_type(text):
    with pytest.raises(NotationError):
        parse_type(text)


def test_files_of_types():
    text = "// About them.\n\nA = { a: B }\n\n// More.\nB =\n  | string\n  | null\n"
    assert list(parse_types(text)) == ["A", "B"]
    assert parse_types(text)["B"] == {"type": ["string", "null"]}


def test_names_that_nobody_has_given_are_found():
    told = route("/x", lambda: None, Permission.PUBLIC, doc=Doc("X", answer="Nowhere[]"))
    with pytest.raises(ValueError, match="Nowhere"):
        openapi([told])


NAMES = {
    "chat": "ChatBody",
    "completions": "CompletionBody",
    "embeddings": "EmbeddingsBody",
    "rerank": "RerankBody",
    "images": "ImagesBody",
    "image_edits": "ImageEditsForm",
    "image_variations": "ImageVariationsForm",
    "speech": "SpeechBody",
    "transcriptions": "TranscriptionForm",
    "translations": "TranslationForm",
}


def members(name):
    found = {}
    schema = named_types()[name]
    for part in schema.get("allOf", [schema]):
        found |= members(part["$ref"].rpartition("/")[2]) if "$ref" in part else part.get("properties", {})
    return found


@pytest.mark.parametrize("operation", NAMES)
def test_every_parameter_that_the_gateway_knows_is_told(operation):
    assert not PARAMS[operation] - members(NAMES[operation]).keys()


def test_what_a_request_may_ask_of_the_gateway_is_told():
    assert members("CallOptions").keys() <= OWN
    for name, schema in members("ChatBody").items():
        for kind in TYPES.get(name, ()):
            word = {str: "string", int: "integer", float: "number", list: "array", dict: "object", bool: "boolean"}[
                kind
            ]
            told = str(schema)
            assert f"'{word}'" in told or (word == "integer" and "'number'" in told) or "$ref" in told, name
