"""Google's `Schema`, a part of OpenAPI 3.0's, as JSON Schema: the way back from `translate.gemini.schema`.

Source: the `Schema` type in the Gemini API reference. Numbers of items and the like may be texts there (`int64`).
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.shapes import as_list, as_object, as_text

Schema = dict[str, Any]

_NUMBERS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
_LEFT_OUT = frozenset({"example", "nullable", "propertyOrdering", "type"})
_OF_SCHEMAS = frozenset({"additionalProperties", "items", "not"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$defs", "definitions", "properties"})


def json_schema(schema: Any) -> Schema:
    """The schema with types in JSON Schema's words. What already is JSON Schema stays it; nothing given is changed."""
    schema = as_object(schema)
    made: Schema = {}
    kind = schema.get("type")
    if isinstance(kind, list):
        made["type"] = [each.lower() if isinstance(each, str) else each for each in kind]
    elif as_text(kind).upper() not in ("", "TYPE_UNSPECIFIED"):
        made["type"] = as_text(kind).lower()
    for name, value in schema.items():
        if name in _LEFT_OUT or (name == "format" and value == "enum"):
            continue
        if name in _NUMBERS and isinstance(value, str) and value.isdecimal() and len(value) < 19:
            value = int(value)
        elif name in _OF_SCHEMAS and isinstance(value, dict):
            value = json_schema(value)
        elif name in _LISTS and isinstance(value, list):
            value = [json_schema(each) for each in value]
        elif name in _MAPS and isinstance(value, dict):
            value = {each: json_schema(of) for each, of in _in_order(value, schema, name).items()}
        made[name] = value
    if schema.get("nullable") is True:
        _allow_null(made)
    return made


def closed(schema: Schema) -> tuple[Schema, bool]:
    """A schema as Google means it, whose objects have no other members than those named; and whether all of these are
    required, which is what OpenAI asks of a `strict` one.
    """
    strict = True
    made = dict(schema)
    properties = made.get("properties")
    if isinstance(properties, dict) and properties:
        made.setdefault("additionalProperties", False)
        strict = made["additionalProperties"] is False and all(
            name in as_list(made.get("required")) for name in properties
        )
    elif made.get("type") == "object":
        strict = False
    for name in _MAPS & made.keys():
        if isinstance(made[name], dict):
            parts = {each: closed(as_object(of)) for each, of in made[name].items()}
            made[name] = {each: part for each, (part, _) in parts.items()}
            strict = strict and all(good for _, good in parts.values())
    for name in _LISTS & made.keys():
        if isinstance(made[name], list):
            options = [closed(as_object(each)) for each in made[name]]
            made[name] = [part for part, _ in options]
            strict = strict and name == "anyOf" and all(good for _, good in options)
    if isinstance(made.get("items"), dict):
        made["items"], good = closed(made["items"])
        strict = strict and good
    return made, strict


def _in_order(properties: Schema, schema: Schema, name: str) -> Schema:
    """The properties in the order in which Google is asked to write them."""
    order = schema.get("propertyOrdering")
    if name != "properties" or not isinstance(order, list):
        return properties
    first = {each: properties[each] for each in order if isinstance(each, str) and each in properties}
    return {**first, **properties}


def _allow_null(schema: Schema) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
