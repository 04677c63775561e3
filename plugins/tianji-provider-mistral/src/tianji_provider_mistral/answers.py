"""Answers in OpenAI's shape: thinking told apart, true finish reasons, tool calls complete."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body


def mend_choice(choice: Any, member: str) -> None:
    """Change a choice in place; `member` is where it speaks, `message` or `delta`."""
    message = choice.get(member) if isinstance(choice, dict) else None
    if isinstance(message, dict):
        if isinstance(message.get("content"), list):
            _split(message)
        calls = message.get("tool_calls")
        if isinstance(calls, list) and calls:
            for index, call in enumerate(calls):
                _complete(call, index, streamed=member == "delta")
            message["content"] = message.get("content") or None
            if choice.get("finish_reason") == "stop":
                choice["finish_reason"] = "tool_calls"
    if isinstance(choice, dict) and choice.get("finish_reason") == "model_length":
        choice["finish_reason"] = "length"


def _split(message: Body) -> None:
    """A list of parts becomes a text, what was thought beside it, and the documents referred to."""
    text, thinking = "", ""
    references: list[Any] = []
    for part in message["content"]:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("text"), str):
            text += part["text"]
        elif part.get("type") == "thinking":
            thinking += _thought(part.get("thinking"))
        elif isinstance(part.get("reference_ids"), list):
            references += part["reference_ids"]
    message["content"] = text
    if thinking:
        message["reasoning_content"] = thinking
    if references:
        message["provider_specific_fields"] = {"reference_ids": references}


def _thought(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    texts = [part.get("text") for part in parts or () if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _complete(call: Any, index: int, *, streamed: bool) -> None:
    """Calls come whole, in streams too, and may lack what tells them from a piece of one."""
    if not isinstance(call, dict):
        return
    if streamed:
        call.setdefault("index", index)
    if call.get("id"):
        call["type"] = call.get("type") or "function"
