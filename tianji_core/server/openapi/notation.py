"""JSON schemas written like TypeScript's types, so that people can read them.

    string  number  integer  boolean  null  any  binary      a value of that kind; binary is a file
    "a"  5  true                                             just this value
    Name                                                     a type with a name
    T[]   (A | B)[]   { [name]: T }                          lists, and objects of any members
    { a: T, b?: T = 5 }                                      an object; `b` may be missing, and is 5 then
    A | B   A & B                                            one of them; all of them at once

Members end with a comma or a line's end. What follows `//` on their line says what they mean. Objects may have more
members than are named.
"""

from __future__ import annotations

import json
import re
from typing import Any

Schema = dict[str, Any]

_TOKEN = re.compile(
    r"""[ \t]+ | (?P<note>//[^\n]*) | (?P<end>\n) | (?P<text>"(?:[^"\\]|\\.)*") | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][\w.-]*) | (?P<sign>\[\]|[{}()\[\]|&:?,=])""",
    re.VERBOSE,
)
_KINDS = ("string", "number", "integer", "boolean", "null", "object")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False}
REFERENCE = "#/components/schemas/"


class NotationError(ValueError):
    """Text that is no type."""


def parse_type(text: str) -> Schema:
    """The schema that a text stands for. Raises NotationError."""
    parser = _Parser(text)
    found = parser.union()
    parser.finished()
    return found


def parse_types(text: str) -> dict[str, Schema]:
    """The schemas of a file: `Name = type`, one after the other. Lines that begin with `//` are for its readers."""
    parser = _Parser(re.sub(r"(?m)^//.*$", "", text))
    found = {}
    while not parser.at_end():
        name = parser.take("name")
        parser.sign("=")
        found[name] = parser.union()
    return found


class _Parser:
    """Reads tokens from left to right; line ends count between the members of an object only."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise NotationError(f"{text[position : position + 20]!r} is no part of a type")
            position = match.end()
            if match.lastgroup is not None:
                self._tokens.append((match.lastgroup, match[0]))
        self._at = 0

    def at_end(self) -> bool:
        self._skip()
        return self._at == len(self._tokens)

    def finished(self) -> None:
        if not self.at_end():
            raise NotationError(f"{self._tokens[self._at][1]!r} comes after the end of a type")

    def take(self, kind: str) -> str:
        self._skip()
        found, text = self._peek()
        if found != kind:
            raise NotationError(f"{text!r} stands where a {kind} should be")
        self._at += 1
        return text

    def sign(self, text: str, *, here: bool = False) -> None:
        if not self._is(text, here=here):
            raise NotationError(f"{self._peek()[1]!r} stands where {text!r} should be")

    def union(self) -> Schema:
        self._is("|")
        parts = [self._meet()]
        while self._is("|"):
            parts.append(self._meet())
        if len(parts) == 1:
            return parts[0]
        if all("const" in part for part in parts):
            return {"enum": [part["const"] for part in parts]}
        if all(list(part) == ["type"] for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"anyOf": parts}

    def _meet(self) -> Schema:
        parts = [self._listed()]
        while self._is("&"):
            parts.append(self._listed())
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _listed(self) -> Schema:
        found = self._single()
        while self._is("[]", here=True):
            found = {"type": "array", "items": found}
        return found

    def _single(self) -> Schema:
        if self._is("("):
            found = self.union()
            self.sign(")")
            return found
        if self._is("{"):
            return self._object()
        self._skip()
        kind, text = self._peek()
        if kind in ("text", "number"):
            self._at += 1
            return {"const": json.loads(text)}
        name = self.take("name")
        if name in _CONSTANTS:
            return {"const": _CONSTANTS[name]}
        if name in _KINDS:
            return {"type": name}
        if name == "any":
            return {}
        if name == "binary":
            return {"type": "string", "format": "binary"}
        return {"$ref": REFERENCE + name}

    def _object(self) -> Schema:
        members: dict[str, Schema] = {}
        required = []
        others: Schema | None = None
        while not self._is("}"):
            if self._is("["):
                self.take("name")
                self.sign("]")
                self.sign(":")
                others = self.union()
                self._end()
                continue
            name = self._member_name()
            if not self._is("?", here=True):
                required.append(name)
            self.sign(":")
            member = self.union()
            if self._is("=", here=True):
                member = {**member, "default": self._value()}
            note = self._end()
            members[name] = {**member, "description": note} if note else member
        found: Schema = {"type": "object"}
        if members:
            found["properties"] = members
        if required:
            found["required"] = required
        if others is not None:
            found["additionalProperties"] = others
        return found

    def _member_name(self) -> str:
        self._skip()
        kind, text = self._peek()
        if kind == "text":
            self._at += 1
            return str(json.loads(text))
        return self.take("name")

    def _value(self) -> Any:
        kind, text = self._peek()
        if kind == "name" and (text in _CONSTANTS or text == "null"):
            self._at += 1
            return _CONSTANTS.get(text)
        if kind not in ("text", "number"):
            raise NotationError(f"{text!r} is no value")
        self._at += 1
        return json.loads(text)

    def _end(self) -> str:
        """Pass the end of a member; gives what is said about it."""
        self._is(",", here=True)
        kind, text = self._peek()
        if kind == "note":
            self._at += 1
            return text[2:].strip()
        return ""

    def _is(self, sign: str, *, here: bool = False) -> bool:
        """Whether this sign is next, and pass it. `here` says that it has to be on the same line."""
        kept = self._at
        if not here:
            self._skip()
        if self._peek() == ("sign", sign):
            self._at += 1
            return True
        self._at = kept
        return False

    def _skip(self) -> None:
        while self._at < len(self._tokens) and self._tokens[self._at][0] in ("end", "note"):
            self._at += 1

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")
