"""Chat requests as Databricks' models take them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tianji_core.api.provider import Body

_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
_ROOM = 4096
"""Tokens for the answer itself, where nobody said how many there may be and a budget is set."""


def adjust_chat(model: str, body: Body) -> None:
    """Change a body in place; what lies inside it is shared, and is copied where it changes."""
    claude = "claude" in model
    if claude:
        _set_budget(body)
    messages = [_with_thinking(m, claude) if isinstance(m, dict) else m for m in body["messages"]]
    body["messages"] = list(_one_call_each(messages)) if "llama" in model else messages


def _set_budget(body: Body) -> None:
    """Claude's thinking is measured in tokens, less than `max_tokens`; other models take the effort as a word."""
    effort = body.pop("reasoning_effort", None)
    budget = _BUDGETS.get(effort) if isinstance(effort, str) else None
    if budget is None or "thinking" in body:
        return
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    body.setdefault("max_tokens", budget + _ROOM)


def _with_thinking(message: Body, claude: bool) -> Body:
    """Signed thinking of an earlier answer in the parts of its content, where Claude wants it; else left out."""
    if "thinking_blocks" not in message:
        return message
    rest = {key: value for key, value in message.items() if key not in ("thinking_blocks", "reasoning_content")}
    blocks = message["thinking_blocks"]
    signed = [b for b in blocks if isinstance(b, dict) and b.get("signature")] if isinstance(blocks, list) else []
    if not claude or not signed:
        return rest
    parts: list[Any] = [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": block.get("thinking", ""), "signature": block["signature"]}],
        }
        for block in signed
    ]
    content = rest.get("content")
    if isinstance(content, str) and content:
        parts.append({"type": "text", "text": content})
    elif isinstance(content, list):
        parts += content
    return {**rest, "content": parts}


def _one_call_each(messages: list[Any]) -> Iterator[Any]:
    """Llama's prompt holds one tool call for each assistant's message: several become pairs of call and result."""
    results = {m.get("tool_call_id"): m for m in messages if isinstance(m, dict) and m.get("role") == "tool"}
    placed = set()
    for message in messages:
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        if not isinstance(calls, list) or len(calls) < 2:
            if not isinstance(message, dict) or message.get("role") != "tool" or id(message) not in placed:
                yield message
            continue
        for index, call in enumerate(calls):
            said = message if index == 0 else {k: v for k, v in message.items() if k != "content"}
            yield {**said, "tool_calls": [call]}
            result = results.get(call.get("id")) if isinstance(call, dict) else None
            if result is not None:
                placed.add(id(result))
                yield result
