"""Where foreign text stands in a request: the messages of users and tools, prompts, and text files among the parts."""

from __future__ import annotations

import binascii
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote

from tianji_core.api.provider import Body


def foreign_texts(body: Body, skip_roles: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each place and its text: `messages[3]` with all its parts put together, or `prompt` or `input`.

    Takes any JSON: what is not of the expected type is passed over. Nesting costs no stack.
    """
    messages = body.get("messages")
    if isinstance(messages, list):
        for number, message in enumerate(messages):
            if isinstance(message, dict):
                role = message.get("role")
                if not (isinstance(role, str) and role in skip_roles):
                    yield f"messages[{number}]", _together(message)
            elif isinstance(message, str):
                yield f"messages[{number}]", message
    for key in ("prompt", "input"):
        if key in body:
            yield key, _together(body[key])


def _together(value: Any) -> str:
    if isinstance(value, dict) and "tool_calls" not in value and isinstance(content := value.get("content"), str):
        return content  # by far the commonest
    return " ".join(_texts(value))


def _texts(value: Any) -> Iterator[str]:
    """Every text below a message or part, in order: contents, texts, file names, text files, tool arguments."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            file = item.get("file")
            if isinstance(file, dict):
                yield from _file(file)
            stack.extend(item[key] for key in _BELOW if key in item)


_BELOW = ("arguments", "function", "tool_calls", "text", "content")
"""Members that hold text or lead to it; the last one is looked into first."""


def _file(file: Body) -> Iterator[str]:
    name, data = file.get("filename"), file.get("file_data")
    if isinstance(name, str):
        yield name
    if isinstance(data, str):
        yield _file_text(data)


def _file_text(data: str) -> str:
    """The text of a file given as data URL or plain base64; "" for binary files, which need a reader of their kind."""
    head, comma, payload = data.partition(",") if data[:5].lower() == "data:" else ("", "", data)
    if comma and not head.lower().endswith(";base64"):
        return unquote(payload)
    try:
        raw = binascii.a2b_base64(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    return "" if b"\x00" in raw[:4096] or raw.startswith(b"%PDF-") else raw.decode("utf-8", "replace")
