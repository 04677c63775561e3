"""JSON Schema as Google's `Schema`, which is a part of OpenAPI 3.0's.

Sources: the `Schema` type in the Gemini API reference ("Caching", shared types) and Google's "Structured output" page.
What the type has no member for is said another way where there is one (`const` is an `enum` of one, `oneOf` an `anyOf`,
a type of null `nullable`), else left out: a schema that is wider than meant still guides the model, an unknown member
is refused.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

Schema = dict[str, Any]

_KEPT = frozenset(
    {
        "default",
        "description",
        "example",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "nullable",
        "pattern",
        "propertyOrdering",
        "title",
    }
)
_FORMATS = {
    "string": ("date-time", "enum"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}
MAX_DEPTH = 32
"""Schemas nested deeper than this are cut off; Google's own limit is lower."""
MAX_PARTS = 5000
"""Parts of one schema once its references are put in: a few lines can stand for billions."""


def to_gemini_schema(schema: Schema) -> Schema:
    """The schema in Google's terms. References are put in where they stand; nothing given is changed.

    Raises BadRequestError for one that grows too large by its references.
    """
    return _Converter(schema).convert(schema)


def has_members(schema: Schema) -> bool:
    """Whether a function's schema says anything: one of an object without properties is better left out."""
    return bool(schema.get("properties") or schema.get("anyOf")) or schema.get("type") not in (None, "object", "OBJECT")


def with_ordering(schema: Schema) -> Schema:
    """The schema with `propertyOrdering`, so that an answer has its members in the order in which they are named."""
    ordered = dict(schema)
    if isinstance(schema.get("items"), dict):
        ordered["items"] = with_ordering(schema["items"])
    if isinstance(properties := schema.get("properties"), dict):
        ordered["properties"] = {name: with_ordering(as_object(each)) for name, each in properties.items()}
        ordered.setdefault("propertyOrdering", list(properties))
    if isinstance(schema.get("anyOf"), list):
        ordered["anyOf"] = [with_ordering(each) for each in schema["anyOf"]]
    return ordered


class _Converter:
    """Converts the parts of one schema, which may refer to each other."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._parts = 0

    def convert(self, schema: Any, seen: tuple[str, ...] = (), depth: int = 0) -> Schema:
        """One part. `seen` are the references that led here: a schema that holds itself ends at an open object."""
        schema = as_object(schema)
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequestError(f"A JSON schema has more than {MAX_PARTS} parts once its references are put in.")
        if depth > MAX_DEPTH:
            return {"type": "object"}
        reference = as_text(schema.get("$ref"))
        if reference:
            if reference in seen:
                return {"type": "object"}
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return self.convert({**self._target(reference), **rest}, (*seen, reference), depth + 1)
        if isinstance(schema.get("allOf"), list):
            schema = self._merged(schema, seen)
        kinds, nullable = _kinds(schema)
        options = [*as_list(schema.get("anyOf")), *as_list(schema.get("oneOf"))]
        if schema.get("properties"):
            options = []  # they only say more of the properties, such as which of them are required together
        if len(kinds) > 1 and not options:
            plain = {name: value for name, value in schema.items() if name not in ("type", "description", "title")}
            options = [{**plain, "type": kind} for kind in kinds]
            schema = {name: value for name, value in schema.items() if name in ("description", "title")}
        converted: Schema = {}
        if options:
            converted.update(self._any_of(options, seen, depth))
            converted.update(_kept(schema, ""))
        else:
            kind = kinds[0] if kinds else _guessed(schema)
            converted.update({"type": kind} if kind else {})
            converted.update(_kept(schema, kind))
            self._add_enum(converted, schema)
            self._add_parts(converted, schema, seen, depth)
            _add_bounds(converted, schema)
        if nullable:
            converted["nullable"] = True
        return converted

    def _any_of(self, options: list[Any], seen: tuple[str, ...], depth: int) -> Schema:
        """The options; a null among them makes the others nullable."""
        some = [option for option in objects(options) if option.get("type") != "null" and option != {"const": None}]
        nullable = len(some) < len(objects(options))
        converted = [self.convert(option, seen, depth + 1) or {"type": "string"} for option in some]
        if nullable:
            converted = [{**option, "nullable": True} for option in converted]
        return {"anyOf": converted} if converted else {"type": "null"}

    def _add_enum(self, converted: Schema, schema: Schema) -> None:
        values = as_list(schema.get("enum"))
        if "const" in schema and not values:
            values = [schema["const"]]
        if None in values:
            converted["nullable"] = True
        values = [value for value in values if value is not None and value != ""]
        if not values:
            return
        if all(isinstance(value, str) for value in values):
            converted["type"] = "string"
            converted["enum"] = values
            return
        # Google's enum is of strings only: of other values the description has to tell.
        told = f"One of: {', '.join(orjson.dumps(value).decode() for value in values)}."
        converted["description"] = f"{converted['description']} {told}" if "description" in converted else told
        converted.setdefault("type", _type_of(values[0]))

    def _add_parts(self, converted: Schema, schema: Schema, seen: tuple[str, ...], depth: int) -> None:
        properties = as_object(schema.get("properties"))
        if properties:
            converted["properties"] = {
                name: self.convert(each, seen, depth + 1) or {"type": "string"} for name, each in properties.items()
            }
            required = [name for name in as_list(schema.get("required")) if name in properties]
            if required:
                converted["required"] = required
        if converted.get("type") == "array":
            items = schema.get("items")
            if isinstance(schema.get("prefixItems"), list) and not isinstance(items, dict):
                items = {"anyOf": schema["prefixItems"]}
            # An array without items is refused.
            converted["items"] = self.convert(items, seen, depth + 1) or {"type": "string"}

    def _merged(self, schema: Schema, seen: tuple[str, ...]) -> Schema:
        """`allOf` as one schema: the parts' members beside each other, their properties together."""
        merged: Schema = {name: value for name, value in schema.items() if name != "allOf"}
        for part in objects(schema["allOf"]):
            reference = as_text(part.get("$ref"))
            if reference and reference not in seen:
                part = {**self._target(reference), **{k: v for k, v in part.items() if k != "$ref"}}
            part = {name: value for name, value in part.items() if name != "$ref"}
            if isinstance(part.get("allOf"), list):
                part = self._merged(part, (*seen, reference)) if len(seen) < MAX_DEPTH else {}
            properties = {**as_object(part.get("properties")), **as_object(merged.get("properties"))}
            required = [*as_list(merged.get("required")), *as_list(part.get("required"))]
            merged = {**part, **merged}
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = list(dict.fromkeys(required))
        return merged

    def _target(self, reference: str) -> Schema:
        """What a reference inside the schema points to (RFC 6901); an empty schema if it leads nowhere."""
        found: Any = self._root
        if not reference.startswith("#"):
            return {}
        for step in reference[1:].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            found = as_object(found).get(step)
        return as_object(found)


def _kinds(schema: Schema) -> tuple[list[str], bool]:
    """The types that a schema names, null apart: (types, nullable)."""
    kind = schema.get("type")
    kinds = [one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)]
    some = [one for one in kinds if one.lower() != "null"]
    return some or kinds, bool(some) and len(some) < len(kinds)


def _guessed(schema: Schema) -> str:
    """The type of a schema that names none, by what else it says; empty if that is nothing."""
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "pattern" in schema or "minLength" in schema or "maxLength" in schema:
        return "string"
    return ""


def _kept(schema: Schema, kind: str) -> Schema:
    kept = {name: value for name, value in schema.items() if name in _KEPT and value is not None}
    if schema.get("format") in _FORMATS.get(kind.lower(), ()):
        kept["format"] = schema["format"]
    return kept


def _add_bounds(converted: Schema, schema: Schema) -> None:
    """Exclusive bounds as inclusive ones: of integers the next number, of others the same."""
    step = 1 if converted.get("type") == "integer" else 0
    for name, into, sign in (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)):
        bound = schema.get(name)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            converted.setdefault(into, bound + sign * step)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "object"
