"""An example for a JSON schema: the smallest value that says something, the same each time."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 12
MAX_VALUES = 500
"""Values in one example: schemas that refer to themselves grow without end otherwise."""
SIMPLE: dict[str, Any] = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def example(schema: Any) -> Any:
    """A value for a schema: its const, default, first example or enum member, else one by its type."""
    return _Example(schema).value(schema)


class _Example:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MAX_VALUES

    def value(self, schema: Any, depth: int = 0) -> Any:
        self._left -= 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._left < 0:
            return None
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self.value(schema[key][0], depth + 1)
        if isinstance(schema.get("$ref"), str):
            return self.value(self._resolve(schema["$ref"]), depth + 1)
        return self._typed(schema, depth)

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        if kind == "array":
            least = schema.get("minItems")
            count = min(max(1, least), MAX_VALUES) if isinstance(least, int) else 1
            return [self.value(schema["items"], depth + 1) for _ in range(count)] if schema.get("items") else []
        if kind in ("object", None):
            properties = schema.get("properties")
            named = list(properties.items())[: max(0, self._left)] if isinstance(properties, dict) else []
            return {name: self.value(each, depth + 1) for name, each in named}
        return SIMPLE.get(kind) if isinstance(kind, str) else None

    def _resolve(self, reference: str) -> Any:
        """A `#/$defs/…` reference within the schema."""
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step) if isinstance(found, dict) else None
        return found
