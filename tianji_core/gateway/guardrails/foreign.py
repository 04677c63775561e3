"""Requests and answers in a vendor's own words, as guardrails are shown them: every text in them, put together.

Guardrails see OpenAI's shape. What a text means at this vendor is not known here, so all of it is shown as one message:
nothing that somebody wrote can hide in a member that nobody knows.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body


def as_request(value: Body, model: str) -> Body:
    """A request as a chat of one message."""
    return {"model": model, "messages": [{"role": "user", "content": "\n".join(texts(value))}]}


def as_answer(value: Any) -> Body:
    """An answer as a chat completion of one choice."""
    message = {"role": "assistant", "content": "\n".join(texts(value))}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def texts(value: Any) -> list[str]:
    """Every text in a JSON value, in order; nesting costs no stack."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            stack.extend(reversed(item.values()))
    return found
