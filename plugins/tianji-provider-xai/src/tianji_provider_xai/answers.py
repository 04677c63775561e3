"""What xAI counts otherwise: reasoning beside the completion, and money in ticks."""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.openai_compat.usage import add_reasoning_by_sum

TICKS = 1e10
"""Of `cost_in_usd_ticks` for a dollar."""


def level_usage(body: Body) -> None:
    """Count the usage of an answer or a chunk, in place, as OpenAI does."""
    usage = body.get("usage")
    add_reasoning_by_sum(usage)
    ticks = usage.get("cost_in_usd_ticks") if isinstance(usage, dict) else None
    if isinstance(usage, dict) and isinstance(ticks, int | float):
        usage["cost"] = ticks / TICKS
