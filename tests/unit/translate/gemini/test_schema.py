"""JSON Schema to Google's Schema."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.schema import has_members, to_gemini_schema, with_ordering


def convert(schema: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy(schema)
    converted = to_gemini_schema(schema)
    assert schema == before, "the caller's schema was changed"
    return converted


def prop(schema: dict[str, Any], **root: Any) -> Any:
    """What becomes of a schema as a property."""
    return convert({"type": "object", "properties": {"x": schema}, **root})["properties"]["x"]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": ["integer", "null"]}, {"type": "integer", "nullable": True}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string", "nullable": True}]}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        ({"type": ["string", "number"]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        ({"const": "k"}, {"type": "string", "enum": ["k"]}),
        ({"const": 3, "description": "D."}, {"type": "integer", "description": "D. One of: 3."}),
        ({"enum": ["a", None, ""]}, {"type": "string", "enum": ["a"], "nullable": True}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "description": "One of: 1, 2."}),
        ({"enum": [True]}, {"type": "boolean", "description": "One of: true."}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        ({"items": {"type": "number"}}, {"type": "array", "items": {"type": "number"}}),
        (
            {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}]},
            {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}},
        ),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "number", "exclusiveMaximum": 1.5}, {"type": "number", "maximum": 1.5}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "email"}, {"type": "string"}),
        (
            {"type": ["string", "null"], "format": "date-time"},
            {"type": "string", "format": "date-time", "nullable": True},
        ),
        ({"type": "string", "not": {"const": "x"}, "$comment": "y"}, {"type": "string"}),
        ({"type": "string", "default": None}, {"type": "string"}),
        ({"type": "string", "default": "a"}, {"type": "string", "default": "a"}),
        ({}, {"type": "string"}),
        (True, {"type": "string"}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object"}),
        ({"anyOf": [{"type": "null"}]}, {"type": "null"}),
        ({"$ref": "#/$defs/Nowhere"}, {"type": "string"}),
        ({"$ref": "https://elsewhere.example/s.json"}, {"type": "string"}),
    ],
)
def test_what_google_has_other_words_for(schema: Any, wanted: Any) -> None:
    assert prop(schema) == wanted


def test_references_are_put_in() -> None:
    defs = {"P": {"type": "object", "properties": {"y": {"$ref": "#/$defs/Q"}}}, "Q": {"type": "number"}}
    found = prop({"$ref": "#/$defs/P", "description": "Here."}, **{"$defs": defs})
    assert found == {"type": "object", "properties": {"y": {"type": "number"}}, "description": "Here."}


def test_a_schema_that_holds_itself_ends() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    assert convert(tree)["properties"]["children"]["items"]["properties"]["children"]["items"] == {"type": "object"}


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    defs: dict[str, Any] = {
        f"L{i}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/L{i + 1}"} for k in "abc"}} for i in range(20)
    }
    with pytest.raises(BadRequestError, match="parts"):
        convert({"$ref": "#/$defs/L0", "$defs": defs})


def test_all_of_is_one_schema() -> None:
    found = convert(
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"$ref": "#/$defs/B"},
            ],
            "$defs": {"B": {"properties": {"b": {"type": "number"}}, "required": ["b"]}},
        }
    )
    assert found == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    }


def test_schemas_nested_without_end_end() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        deep = {"allOf": [deep], "anyOf": [deep]}
    assert to_gemini_schema(deep)


def test_options_beside_properties_only_say_more_of_them() -> None:
    found = convert(
        {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"required": []}]}
    )
    assert found == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_required_names_properties_that_are_there() -> None:
    assert convert({"properties": {"a": {"type": "string"}}, "required": ["a", "b"]})["required"] == ["a"]


def test_whether_a_function_has_parameters() -> None:
    assert not has_members({"type": "object"})
    assert has_members({"type": "object", "properties": {"a": {}}})
    assert has_members({"anyOf": [{"type": "string"}]})


def test_answers_keep_the_order_of_their_members() -> None:
    found = with_ordering({"type": "object", "properties": {"b": {"type": "object", "properties": {"c": {}}}, "a": {}}})
    assert found["propertyOrdering"] == ["b", "a"]
    assert found["properties"]["b"]["propertyOrdering"] == ["c"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "anyOf",
                    "allOf",
                    "oneOf",
                    "$ref",
                    "properties",
                    "items",
                    "enum",
                    "const",
                    "required",
                    "$defs",
                    "a",
                ]
            ),
            inner | st.sampled_from(["object", "array", "#", "#/properties/a", "#/$defs/a", "null"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_schema_is_too_odd(schema: Any) -> None:
    if isinstance(schema, dict):
        try:
            convert(schema)
        except BadRequestError:
            return
