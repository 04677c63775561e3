"""Requests as DeepSeek takes them: thinking is a switch, and its text goes back beside tool calls."""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.openai_compat.reasoning import switch_thinking, with_blank_reasoning


def say_whether_to_think(body: Body, model: str) -> None:
    """Turn `reasoning_effort` into the switch, in place, and give each message with tool calls its reasoning."""
    switch_thinking(body)
    if body.get("reasoning_effort") == "none":
        del body["reasoning_effort"]
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    # It thinks unless it is told otherwise, but for the old name of the one that does not.
    if kind == "enabled" or (kind is None and model != "deepseek-chat"):
        body["messages"] = with_blank_reasoning(body["messages"])
