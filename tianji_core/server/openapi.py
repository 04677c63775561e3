"""The OpenAPI document, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tianji_core import __version__
from tianji_core.server.permissions import GuardedRoute, Permission

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}
_BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": _TEXT,
            "messages": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
            "stream": {"type": "boolean", "default": False},
            "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
            "temperature": _NUMBER,
            "top_p": _NUMBER,
            "max_tokens": _INTEGER,
            "max_completion_tokens": _INTEGER,
            "n": _INTEGER,
            "stop": {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]},
            "tools": {"type": "array", "items": {"type": "object"}},
            "tool_choice": {"oneOf": [_TEXT, {"type": "object"}]},
            "response_format": {"type": "object"},
            "user": _TEXT,
        },
    },
    "completions": {
        "type": "object",
        "required": ["model", "prompt"],
        "properties": {
            "model": _TEXT,
            "prompt": {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]},
            "stream": {"type": "boolean", "default": False},
            "max_tokens": _INTEGER,
            "temperature": _NUMBER,
        },
    },
    "embeddings": {
        "type": "object",
        "required": ["model", "input"],
        "properties": {
            "model": _TEXT,
            "input": {"oneOf": [_TEXT, {"type": "array"}]},
            "dimensions": _INTEGER,
            "encoding_format": {"type": "string", "enum": ["float", "base64"]},
        },
    },
}
_SCHEMAS = {
    "Message": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": _TEXT,
            "content": {"oneOf": [_TEXT, {"type": "array", "items": {"type": "object"}}, {"type": "null"}]},
            "tool_calls": {"type": "array", "items": {"type": "object"}},
            "tool_call_id": _TEXT,
        },
    },
    "Error": {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "message": _TEXT,
                    "type": _TEXT,
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"], "description": "The HTTP status as text."},
                },
            }
        },
    },
}


def openapi(routes: Sequence[GuardedRoute]) -> dict[str, Any]:
    """The document of these routes (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for each in routes:
        path = _PARAMETER.sub(r"{\1}", each.path)
        for method in sorted((each.methods or set()) - {"HEAD"}):
            paths.setdefault(path, {})[method.lower()] = _operation(each, path, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tianji",
            "version": __version__,
            "description": "One OpenAI-compatible API in front of every model provider.",
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(each: GuardedRoute, path: str, method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "responses": {
            "200": {"description": "The answer"},
            "default": {
                "description": "An error",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if each.permission is not Permission.PUBLIC:
        operation["security"] = [{"key": []}]
    names = _PARAMETER.findall(each.path)
    if names:
        operation["parameters"] = [{"name": n, "in": "path", "required": True, "schema": _TEXT} for n in names]
    for ending in ("chat/completions", "completions", "embeddings"):
        if method == "POST" and path.endswith(ending):
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": _BODIES[ending]}},
            }
            break
    return operation
