"""Reading what was meant to be JSON: out of prose and code fences, with the slips that models make."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

LONGEST_LITERAL = 100_000
"""Characters of a text that is read as a Python literal."""

_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)```", re.DOTALL)
_COMMA = re.compile(r",\s*(?=[}\]])")


class Unreadable(ValueError):
    """There is no JSON in it."""


def read(text: str) -> Any:
    """The value of a text that is JSON. Raises Unreadable."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unreadable from None


def mended(text: str) -> Iterator[Any]:
    """Values that a text may have meant, the likeliest first."""
    for part in dict.fromkeys(_parts(text)):
        for written in (part, _COMMA.sub("", part), _closed(_COMMA.sub("", part))):
            try:
                yield read(written)
            except Unreadable:
                continue
        if len(part) <= LONGEST_LITERAL:
            try:
                value = ast.literal_eval(part)
                yield json.loads(json.dumps(value, allow_nan=False))
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue


def _parts(text: str) -> Iterator[str]:
    """The text, what is in its code fences, and what is between its outermost brackets."""
    yield text.strip()
    yield from (match[1].strip() for match in _FENCE.finditer(text))
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if starts:
        start = min(starts)
        end = text.rfind("}" if text[start] == "{" else "]")
        if end > start:
            yield text[start : end + 1]
        yield text[start:].strip()


def _closed(text: str) -> str:
    """The text with what was opened in it closed: an answer that was cut off."""
    open_: list[str] = []
    in_text = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif in_text:
            escaped = char == "\\"
            in_text = char != '"'
        elif char == '"':
            in_text = True
        elif char in "{[":
            open_.append("}" if char == "{" else "]")
        elif char in "}]" and open_:
            open_.pop()
    return _COMMA.sub("", text + ('"' if in_text else "") + "".join(reversed(open_)))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
