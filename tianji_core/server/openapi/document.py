"""The OpenAPI document, made from the routes themselves (OpenAPI 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from tianji_core import __version__
from tianji_core.server.openapi.notation import REFERENCE, Schema, parse_type, parse_types
from tianji_core.server.permissions import Doc, GuardedRoute, Permission

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    **{
        name: {"type": "apiKey", "in": "header", "name": name}
        for name in ("x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key")
    },
}
"""Where the key may be; the first counts."""
_UNTOLD = Doc("")
"""What a route of an extension says that says nothing."""


def openapi(routes: Iterable[GuardedRoute]) -> dict[str, Any]:
    """The document of these routes. Raises ValueError for types that are none, and for names that nobody has given."""
    paths: dict[str, dict[str, Any]] = {}
    schemas = named_types()
    for each in routes:
        path = _PARAMETER.sub(r"{\1}", each.path)
        for method in sorted((each.methods or set()) - {"HEAD"}):
            # Where two routes share a path, the first says what both do.
            paths.setdefault(path, {}).setdefault(method.lower(), _operation(each, path, method, schemas))
    _check_names(paths, schemas)
    _check_names(schemas, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tianji",
            "version": __version__,
            "description": "One OpenAI-compatible API in front of every model provider.",
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _KEYS},
    }


def named_types() -> dict[str, Schema]:
    """The schemas of all types that have names."""
    found: dict[str, Schema] = {}
    folder = resources.files("tianji_core.server.openapi").joinpath("types")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".types"):
            found.update(parse_types(file.read_text("utf-8")))
    return found


def _operation(each: GuardedRoute, path: str, method: str, schemas: dict[str, Schema]) -> dict[str, Any]:
    doc = each.doc or _UNTOLD
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "responses": {str(doc.status): _answer(doc), **_errors(doc)},
    }
    if doc.summary:
        operation["summary"] = doc.summary
    if each.permission is not Permission.PUBLIC:
        operation["security"] = [{name: []} for name in _KEYS]
    if each.permission is Permission.ADMIN:
        operation["description"] = "For admins only."
    in_path = [{"name": n, "in": "path", "required": True, "schema": _PATH_TEXT} for n in _PARAMETER.findall(each.path)]
    parameters = [*in_path, *_parameters("query", doc.query, schemas), *_parameters("header", doc.headers, schemas)]
    if parameters:
        operation["parameters"] = parameters
    body = {kind: {"schema": parse_type(text)} for kind, text in (("json", doc.body), ("form", doc.form)) if text}
    if body and method in ("POST", "PUT", "PATCH"):
        operation["requestBody"] = {"required": True, "content": {_MEDIA[kind]: each for kind, each in body.items()}}
    return operation


_PATH_TEXT = {"type": "string", "minLength": 1}
_MEDIA = {"json": "application/json", "form": "multipart/form-data"}


def _parameters(place: str, text: str, schemas: dict[str, Schema]) -> list[dict[str, Any]]:
    """Parameters out of an object's members."""
    if not text:
        return []
    schema = parse_type(text)
    if "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix(REFERENCE)]
    found = []
    for name, member in schema["properties"].items():
        member = dict(member)
        note = member.pop("description", None)
        parameter = {"name": name, "in": place, "required": name in schema.get("required", ()), "schema": member}
        found.append({**parameter, "description": note} if note else parameter)
    return found


def _answer(doc: Doc) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if doc.answer:
        content["application/json"] = {"schema": parse_type(doc.answer)}
    if doc.stream:
        content["text/event-stream"] = {"schema": {"type": "string"}, "x-event": parse_type(doc.stream)}
    for media in doc.media:
        content[media] = {"schema": {"type": "string"} if media.startswith("text/") else {}}
    answer: dict[str, Any] = {"description": "The answer."}
    return {**answer, "content": content} if content else answer


def _errors(doc: Doc) -> dict[str, Any]:
    schema = parse_type(f"{doc.error} | Detail")  # the router's own 404 and 405 are a detail
    told = {"content": {"application/json": {"schema": schema}}}
    return {
        "4XX": {"description": "The request cannot be served.", **told},
        "5XX": {"description": "It failed.", **told},
    }


def _check_names(value: Any, known: dict[str, Schema]) -> None:
    unknown = sorted(set(_references(value)) - known.keys())
    if unknown:
        raise ValueError(f"types that nobody has written: {', '.join(unknown)}")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(REFERENCE)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
