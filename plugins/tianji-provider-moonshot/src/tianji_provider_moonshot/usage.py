"""Moonshot's usage: `cached_tokens` beside the other counts, and in streams inside the last choice."""

from __future__ import annotations

from tianji_core.api.provider import Body


def find_usage(body: Body) -> None:
    """Put the usage of an answer or a chunk where OpenAI has it."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict) and isinstance(choice.get("usage"), dict):
            inside = choice.pop("usage")
            if not body.get("usage"):
                body["usage"] = inside
    usage = body.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("cached_tokens"), int):
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        usage["prompt_tokens_details"] = {"cached_tokens": usage.pop("cached_tokens"), **details}
