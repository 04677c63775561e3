"""Tool names and call ids: OpenAI clients may use others than Anthropic takes.

Anthropic's "Define tools" page: a tool's name matches `^[a-zA-Z0-9_-]{1,128}$`; its API refuses ids of calls outside
`^[a-zA-Z0-9_-]+$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.translate.tool_ids import plain_id

_BAD_CHARACTER = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """The two-way map between a caller's tool names and the vendor's, for one request.

    It follows from the request's body alone, so the one made for the request and the one made for its answer agree.
    """

    __slots__ = ("_to_caller", "_to_vendor")

    most: ClassVar[int] = 128
    """Characters that a name may have."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._to_vendor: dict[str, str] = {}
        self._to_caller: dict[str, str] = {}
        seen = dict.fromkeys(names)
        bad = [name for name in seen if not name or self.cleaned(name) != name]
        taken = set(seen).difference(bad)
        for name in bad:
            clean = unique(self.cleaned(name) or "tool", taken, self.most)
            taken.add(clean)
            self._to_vendor[name] = clean
            self._to_caller[clean] = name

    @classmethod
    def cleaned(cls, name: str) -> str:
        """The name as the vendor takes it, but for its being the only one of its kind."""
        return _BAD_CHARACTER.sub("_", name)[: cls.most]

    @classmethod
    def of(cls, body: dict[str, Any]) -> Self:
        """The map for a chat body: its tools first, then what the conversation calls."""
        return cls(_names_in(body))

    def to_vendor(self, name: str) -> str:
        return self._to_vendor.get(name, name)

    def to_caller(self, name: str) -> str:
        return self._to_caller.get(name, name)


def unique(name: str, taken: set[str], most: int) -> str:
    """The name, or with a number at its end if it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        suffix = f"_{number}"
        found = name[: most - len(suffix)] + suffix
    return found


def clean_id(call_id: str) -> str:
    """The id of a tool call as the vendor takes it; the same for a call and its result."""
    return _BAD_CHARACTER.sub("_", plain_id(call_id))


def _names_in(body: dict[str, Any]) -> Iterator[str]:
    for tool in objects(body.get("tools")):
        yield from _name_of(tool.get("function"))
    for message in objects(body.get("messages")):
        if message.get("role") != "assistant":
            continue
        for call in objects(message.get("tool_calls")):
            yield from _name_of(call.get("function"))
        yield from _name_of(message.get("function_call"))


def _name_of(function: Any) -> Iterator[str]:
    if name := as_text(as_object(function).get("name")):
        yield name
