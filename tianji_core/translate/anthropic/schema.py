"""JSON schemas as structured outputs take them.

Source: Anthropic's "Structured outputs" page, section "JSON Schema limitations": objects are closed, `oneOf` and the
keywords that limit numbers, lengths and patterns are refused. What is taken out is told in the description, so that
the model may still follow it. A schema that keeps to the limits comes out as it went in.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.translate.shapes import as_text

Schema = dict[str, Any]

_KEPT = frozenset(
    {"$defs", "$ref", "allOf", "anyOf", "const", "default", "definitions", "description", "enum", "items", "properties"}
    | {"required", "title", "type"}
)
_DROPPED = frozenset({"$id", "$schema", "additionalProperties", "examples", "strict"})
"""Members that say nothing about the answer, or that are set here."""
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"})


def output_schema(schema: Any) -> Schema:
    """The schema within the vendor's limits. Nothing given is changed."""
    if not isinstance(schema, dict):
        return {}
    kept: Schema = {}
    told: Schema = {}
    for name, value in schema.items():
        if name in ("$defs", "definitions", "properties") and isinstance(value, dict):
            kept[name] = {key: output_schema(inner) for key, inner in value.items()}
        elif name in ("anyOf", "allOf", "oneOf") and isinstance(value, list):
            kept["anyOf" if name == "oneOf" else name] = [output_schema(inner) for inner in value]
        elif name == "items" and isinstance(value, dict):
            kept["items"] = output_schema(value)
        elif name in _KEPT or _fits(name, value):
            kept[name] = value
        elif name not in _DROPPED:
            told[name] = value
    if "properties" in kept or "object" in _types(kept):
        kept["additionalProperties"] = False
    if told:
        # One line of JSON after the description: short, and models read it well.
        rules = orjson.dumps(told).decode()
        description = kept.get("description")
        kept["description"] = f"{description}\n\n{rules}" if description else rules
    return kept


def _fits(name: str, value: Any) -> bool:
    return (name == "format" and as_text(value) in _FORMATS) or (name == "minItems" and value in (0, 1))


def _types(schema: Schema) -> list[Any]:
    found = schema.get("type")
    return found if isinstance(found, list) else [found]
