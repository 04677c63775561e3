"""Places inside a body, as `additional_drop_params` names them: `seed`, `tools[*].input_examples`, `metadata.a\\.b`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Step = str | int | None
"""A member's name, an item's number, or None for every item."""

_NAME = re.compile(r"(?:[^.\[\]\\]|\\.)+")
_ITEM = re.compile(r"\[(\*|\d{1,9})\]")
_ESCAPED = re.compile(r"\\(.)")


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path. A dot or bracket that belongs to a name has a backslash in front. Raises ValueError."""
    steps: list[Step] = []
    position = 0
    while True:
        name = _NAME.match(text, position)
        if name is None:
            raise ValueError(f"{text!r} is no path: it is written like tools[*].input_examples or a.b")
        steps.append(_ESCAPED.sub(r"\1", name[0]))
        position = name.end()
        while (item := _ITEM.match(text, position)) is not None:
            steps.append(None if item[1] == "*" else int(item[1]))
            position = item.end()
        if position == len(text):
            return tuple(steps)
        if text[position] != ".":
            raise ValueError(f"{text!r} is no path: it is written like tools[*].input_examples or a.b")
        position += 1


def without(value: Any, path: tuple[Step, ...]) -> Any:
    """The value without what lies at the path. What changes is copied, all else is shared; no place, no change."""
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        if not isinstance(value, dict) or step not in value:
            return value
        if not rest:
            return {name: member for name, member in value.items() if name != step}
        inner = without(value[step], rest)
        return value if inner is value[step] else {**value, step: inner}
    if not isinstance(value, list):
        return value
    chosen: Iterable[int] = range(len(value)) if step is None else [step] if step < len(value) else []
    if not rest:
        gone = set(chosen)
        return [item for index, item in enumerate(value) if index not in gone] if gone else value
    found = value
    for index in chosen:
        inner = without(value[index], rest)
        if inner is not value[index]:
            found = found if found is not value else value.copy()
            found[index] = inner
    return found
