"""What of a request and of an answer costs tokens: texts to count, and what has a flat rate.

Bodies come from anybody: whatever has not the expected shape costs nothing, and raises nothing.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body

# How OpenAI's chat models frame a conversation (OpenAI Cookbook, "How to count tokens with tiktoken").
PER_MESSAGE = 3
PER_NAME = 1
ANSWER_BEGINS = 3

PER_FILE = 765
"""Tokens of an image, a recording or a document, whatever its size: those of a picture of 1024×1024 with gpt-4o."""
PER_SMALL_IMAGE = 85
"""Tokens of an image with `detail: low`."""


class Parts:
    """What was found: texts, and the tokens of everything else."""

    __slots__ = ("fixed", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fixed = 0

    def add(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self.texts.append(text)

    def add_json(self, value: Any) -> None:
        if value:
            try:
                self.texts.append(orjson.dumps(value).decode())
            except (TypeError, ValueError):
                pass  # what cannot be written was never sent


def request_parts(operation: str, body: Body) -> Parts:
    """The prompt of a chat, a completion or an embedding."""
    parts = Parts()
    if operation != "chat":
        _add_input(parts, body.get("prompt" if operation == "completions" else "input"))
        return parts
    for message in _items(body.get("messages")):
        parts.fixed += PER_MESSAGE + (PER_NAME if message.get("name") else 0)
        parts.add(message.get("role"))
        parts.add(message.get("name"))
        _add_message(parts, message)
    parts.fixed += ANSWER_BEGINS
    for member in ("tools", "functions"):
        parts.add_json(body.get(member))
    shape = body.get("response_format")
    if isinstance(shape, dict):
        parts.add_json(shape.get("json_schema"))
    return parts


def answer_parts(answer: Body) -> Parts:
    """What a model wrote: text, reasoning, refusals, calls of tools, in every choice."""
    parts = Parts()
    for choice in _items(answer.get("choices")):
        parts.add(choice.get("text"))
        message = choice.get("message")
        if isinstance(message, dict):
            parts.add(message.get("reasoning_content"))
            parts.add(message.get("refusal"))
            _add_message(parts, message)
    return parts


def _add_message(parts: Parts, message: Body) -> None:
    content = message.get("content")
    parts.add(content)
    for part in _items(content):
        kind = part.get("type")
        if kind in ("text", "refusal", "input_text", "output_text"):
            parts.add(part.get("text"))
            parts.add(part.get("refusal"))
        elif kind == "image_url":
            image = part.get("image_url")
            low = isinstance(image, dict) and image.get("detail") == "low"
            parts.fixed += PER_SMALL_IMAGE if low else PER_FILE
        elif kind in ("input_audio", "audio_url", "video_url", "file", "image", "document"):
            parts.fixed += PER_FILE
    calls = [call.get("function") for call in _items(message.get("tool_calls"))]
    for function in (*calls, message.get("function_call")):
        if isinstance(function, dict):
            parts.add(function.get("name"))
            parts.add(function.get("arguments"))


def _add_input(parts: Parts, value: Any) -> None:
    """Texts, or tokens that the client has made itself: one text or many, one array or many."""
    if isinstance(value, int):
        parts.fixed += 1
    elif isinstance(value, list):
        if value and all(type(item) is int for item in value):
            parts.fixed += len(value)
        else:
            for item in value:
                if not isinstance(item, list) or all(type(each) is int for each in item):
                    _add_input(parts, item)
    else:
        parts.add(value)


def _items(value: Any) -> list[Body]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
