"""Where prompts name files and vector stores: in OpenAI's chat, in Responses, in Anthropic's Messages.

Only the places that these APIs give to files are looked at, so what a tool was called with stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.gateway.objects.kinds import FILE

VECTOR_STORE = "vector_store"
_PLAIN = frozenset({"input_file", "input_image", "computer_screenshot", "container_upload"})
"""Parts with the id beside their type."""
_MEMBERS = ("messages", "input", "tools")
"""Members of a body that hold such places."""
DEPTH = 3
"""Lists below one another that are looked into: messages, their parts, the parts of what a tool gave."""
Put = Callable[[Body], Body]
"""What becomes of a part or tool that names something."""


def names_in(part: Body) -> list[tuple[str, str]]:
    """The kinds and ids that one part of a message, or one tool, names."""
    kind = part.get("type")
    if not isinstance(kind, str):
        return []
    if kind == "file":
        return _one(part.get("file"))
    if kind in _PLAIN:
        return _one(part)
    if kind in ("image", "document"):
        source = part.get("source")
        return _one(source) if isinstance(source, dict) and source.get("type") == "file" else []
    if kind == "file_search":
        return _each(VECTOR_STORE, part.get("vector_store_ids"))
    if kind == "code_interpreter":
        container = part.get("container")
        return _each(FILE, container.get("file_ids")) if isinstance(container, dict) else []
    return []


def parts_in(body: Body) -> Iterator[Body]:
    """The parts and tools of a request that name something."""
    found: list[Body] = []

    def note(part: Body) -> Body:
        found.append(part)
        return part

    for name in _MEMBERS:
        if name in body:
            _walked(body[name], note)
    yield from found


def put_into(body: Body, put: Put) -> None:
    """Put others in the place of these parts and tools: in `body` itself, whose members stay as they are."""
    for name in _MEMBERS:
        if name in body:
            body[name] = _walked(body[name], put)


def with_ids(part: Body, ids: dict[tuple[str, str], str]) -> Body:
    """A part or tool with other ids; what `ids` has not stays."""
    kind = part["type"]
    if kind == "file_search":
        return {**part, "vector_store_ids": [ids.get((VECTOR_STORE, id), id) for id in part["vector_store_ids"]]}
    if kind == "code_interpreter":
        container = part["container"]
        return {
            **part,
            "container": {**container, "file_ids": [ids.get((FILE, id), id) for id in container["file_ids"]]},
        }
    inside = {"file": "file", "image": "source", "document": "source"}.get(kind)
    holder = part if inside is None else part[inside]
    holder = {**holder, "file_id": ids.get((FILE, holder["file_id"]), holder["file_id"])}
    return holder if inside is None else {**part, inside: holder}


def _walked(value: Any, put: Put, depth: int = DEPTH) -> Any:
    """Messages, items, tools or parts, with those replaced that name something."""
    if not isinstance(value, list) or depth == 0:
        return value
    return [_member(each, put, depth - 1) if isinstance(each, dict) else each for each in value]


def _member(item: Body, put: Put, depth: int) -> Body:
    if names_in(item):
        return put(item)
    for name in ("content", "output"):  # of messages, of what tools gave
        inner = item.get(name)
        if isinstance(inner, list):
            item = {**item, name: _walked(inner, put, depth)}
        elif isinstance(inner, dict) and names_in(inner):
            item = {**item, name: put(inner)}
    return item


def _one(holder: Any) -> list[tuple[str, str]]:
    id = holder.get("file_id") if isinstance(holder, dict) else None
    return [(FILE, id)] if isinstance(id, str) and id else []


def _each(kind: str, ids: Any) -> list[tuple[str, str]]:
    """All of a list, if it is one of texts only."""
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        return []
    return [(kind, id) for id in ids]
