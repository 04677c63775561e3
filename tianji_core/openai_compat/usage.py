"""Usage that a vendor counts otherwise than OpenAI, where details are parts of the totals.

Everything here changes a usage in place, and takes whatever a vendor may have sent for one.
"""

from __future__ import annotations

from typing import Any


def count_cached(usage: Any, name: str) -> None:
    """Cached tokens of the prompt that a vendor counts under a name of its own are told where OpenAI tells them too."""
    cached = _count(usage, name)
    if cached is not None and not _count(_details(usage, "prompt"), "cached_tokens"):
        usage["prompt_tokens_details"] = {**_details(usage, "prompt"), "cached_tokens": cached}


def add_reasoning(usage: Any, reasoning: Any) -> None:
    """Reasoning tokens that a vendor counts beside the completion become a part of it."""
    completion = _count(usage, "completion_tokens")
    if completion is None or type(reasoning) is not int or reasoning < 0:
        return
    usage["completion_tokens"] = completion + reasoning
    usage["total_tokens"] = (_count(usage, "prompt_tokens") or 0) + completion + reasoning
    usage["completion_tokens_details"] = {**_details(usage, "completion"), "reasoning_tokens": reasoning}


def add_reasoning_by_sum(usage: Any) -> None:
    """The same for a vendor of whose models only some count so: the total shows it."""
    reasoning = _count(_details(usage, "completion"), "reasoning_tokens")
    parts = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
    if reasoning and None not in parts and _count(usage, "total_tokens") == sum(p or 0 for p in parts) + reasoning:
        add_reasoning(usage, reasoning)


def _count(counts: Any, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if type(value) is int else None


def _details(usage: Any, of: str) -> dict[str, Any]:
    found = usage.get(f"{of}_tokens_details") if isinstance(usage, dict) else None
    return found if isinstance(found, dict) else {}
