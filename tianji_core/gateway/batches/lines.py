"""Reading an input file: its lines, and what is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson

from tianji_core.api.provider import Body
from tianji_core.gateway.batches.calls import Line

MAX_LINE = 32 * 1024 * 1024
"""Bytes of one line."""
MAX_ERRORS = 100
"""So many errors of a file are told; what is wrong in a thousand lines is seldom a thousand things."""


async def read_lines(parts: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number. One that is too long comes as its beginning."""
    number, begun = 0, bytearray()
    async for part in parts:
        *whole, rest = part.split(b"\n")
        for text in whole:
            number += 1
            line = bytes(begun + text) if begun else text
            begun.clear()
            if line.strip():
                yield number, line
        if len(begun) <= MAX_LINE:
            begun += rest
    if begun.strip():
        yield number + 1, bytes(begun)


def parse_line(number: int, text: bytes) -> Line:
    """A line that has passed `Check`."""
    line = orjson.loads(text)
    return Line(number, line["custom_id"], line["body"])


class WrongLineError(Exception):
    """What is wrong with a line, or with the file."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class Check:
    """Looks at all lines of a file; `errors` are as OpenAI tells them."""

    def __init__(self, endpoint: str, most: int) -> None:
        self.errors: list[Body] = []
        self.count = 0
        self._endpoint = endpoint
        self._most = most
        self._seen: set[str] = set()

    @property
    def ended(self) -> bool:
        """Whether there is no use in reading on."""
        return len(self.errors) >= MAX_ERRORS or self.count > self._most

    def line(self, number: int, text: bytes) -> Line | None:
        """Judge a line; None if something is wrong with it."""
        self.count += 1
        try:
            return self._judge(number, text)
        except WrongLineError as error:
            self._note(error, None if self.count > self._most else number)
            return None

    def end(self) -> None:
        """All lines have been seen."""
        if not self.count:
            self._note(WrongLineError("empty_file", "The file has no lines."), None)

    def _judge(self, number: int, text: bytes) -> Line:
        if self.count > self._most:
            raise WrongLineError("too_many_lines", f"The file has more than {self._most} lines.")
        if len(text) > MAX_LINE:
            raise WrongLineError("line_too_long", f"The line is longer than {MAX_LINE // 1024 // 1024} MB.")
        try:
            line = orjson.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise WrongLineError("invalid_json_line", "This line is not parseable as valid JSON.")
        custom_id, url = _text(line, "custom_id"), _text(line, "url")
        if str(line.get("method", "POST")).upper() != "POST":
            raise WrongLineError("invalid_method", "The method has to be POST.", "method")
        if url != self._endpoint:
            message = f"The url of this line is not the batch's endpoint '{self._endpoint}'."
            raise WrongLineError("mismatched_endpoint", message, "url")
        if not isinstance(line.get("body"), dict):
            raise WrongLineError("missing_required_parameter", "The body has to be an object.", "body")
        if custom_id in self._seen:
            message = f"The custom_id '{custom_id[:200]}' stands in another line too."
            raise WrongLineError("duplicate_custom_id", message, "custom_id")
        self._seen.add(custom_id)
        return Line(number, custom_id, line["body"])

    def _note(self, error: WrongLineError, number: int | None) -> None:
        self.errors.append({"code": error.code, "line": number, "message": str(error), "param": error.param})


def _text(line: Body, name: str) -> str:
    value = line.get(name)
    if value is None or value == "":
        raise WrongLineError("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    if not isinstance(value, str):
        raise WrongLineError("invalid_type", f"Invalid type for '{name}': expected a string.", name)
    return value
