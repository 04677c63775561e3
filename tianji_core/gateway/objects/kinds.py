"""What vendors keep for callers beside files, and which members of OpenAI's JSON name it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tianji_core.api.errors import NotFoundError


class Kind(NamedTuple):
    """A kind of thing. `name` is its kind in the store, `object` what its JSON says, `path` where it is made."""

    name: str
    resource: str
    prefix: str
    path: str
    object: str
    missing: str
    settled: frozenset[str] | None = frozenset()
    """States in which it stays as it is; in others lists ask the vendor anew. None: only callers change it."""


FILE = "file"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("assistant", "assistants", "asst_", "/assistants", "assistant", "No assistant found with id", None),
        Kind(
            "conversation",
            "conversations",
            "conv_",
            "/conversations",
            "conversation",
            "No conversation found with id",
            None,
        ),
        Kind("thread", "assistants", "thread_", "/threads", "thread", "No thread found with id", None),
        Kind("upload", "uploads", "upload_", "/uploads", "upload", "No upload found with id", None),
        Kind("vector_store", "vector_stores", "vs_", "/vector_stores", "vector_store", "No vector store found with id"),
        Kind(
            "fine_tuning_job",
            "fine_tuning",
            "ftjob-",
            "/fine_tuning/jobs",
            "fine_tuning.job",
            "Could not find fine-tuning job",
            frozenset({"succeeded", "failed", "cancelled"}),
        ),
    )
}
NAMES = {
    "assistant_id": "assistant",
    "thread_id": "thread",
    "vector_store_id": "vector_store",
    "vector_store_ids": "vector_store",
    "fine_tuning_job_id": "fine_tuning_job",
    "file_id": FILE,
    "file_ids": FILE,
    "result_files": FILE,
    "training_file": FILE,
    "upload_id": "upload",
    "validation_file": FILE,
}
"""Members that hold an id, or a list of them, of a kind."""
OPAQUE = frozenset({"attributes", "filters", "metadata"})
"""Members whose content is the caller's own."""
_OBJECTS = {kind.object: kind.name for kind in KINDS.values()} | {"vector_store.file": FILE, "file": FILE}
_OBJECTS |= {f"{name}.deleted": kind for name, kind in _OBJECTS.items()}


def missing(kind: str, id: str) -> NotFoundError:
    """No such thing, or not the caller's: told alike."""
    return NotFoundError(f"{KINDS[kind].missing} '{id[:200]}'.", param="id")


def ids_in(value: Any) -> Iterator[tuple[str, str]]:
    """Every kind and id that a JSON value names."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            for name, member, kind in _members(item):
                if kind is not None:
                    yield from (
                        (kind, each) for each in (member if isinstance(member, list) else [member]) if _is(each)
                    )
                elif name not in OPAQUE and isinstance(member, dict | list):
                    stack.append(member)


def with_ids(value: Any, ids: dict[tuple[str, str], str]) -> Any:
    """A JSON value with other ids in the places that `ids_in` finds; what `ids` has not stays."""
    if isinstance(value, list):
        return [with_ids(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, member, kind in _members(value):
        if kind is None:
            found[name] = member if name in OPAQUE or not isinstance(member, dict | list) else with_ids(member, ids)
        elif isinstance(member, list):
            found[name] = [ids.get((kind, each), each) if _is(each) else each for each in member]
        else:
            found[name] = ids.get((kind, member), member) if _is(member) else member
    return found


def _members(item: dict[str, Any]) -> Iterator[tuple[str, Any, str | None]]:
    """The members of an object, each with the kind of the ids in it, if there are any."""
    own = _OBJECTS.get(str(item.get("object")))
    if own is None and item.get("object") == "list":
        own = _of_list(item)
    for name, member in item.items():
        if name in ("id", "first_id", "last_id"):
            yield name, member, own
        else:
            yield name, member, NAMES.get(name)


def _of_list(item: dict[str, Any]) -> str | None:
    data = item.get("data")
    first = data[0] if isinstance(data, list) and data else None
    return _OBJECTS.get(str(first.get("object"))) if isinstance(first, dict) else None


def _is(value: object) -> bool:
    return isinstance(value, str) and bool(value)
