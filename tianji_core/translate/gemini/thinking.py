"""Reasoning: OpenAI's `reasoning_effort` and Anthropic's `thinking` as Google's `thinkingConfig`.

Source: Google's "Thinking" page. The budgets for an effort are LiteLLM's, so that a switch from it changes no bill.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.models import Traits
from tianji_core.translate.shapes import as_text

BUDGETS = {"low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
EFFORTS = ("none", "minimal", *BUDGETS)
_NO_EFFORT = ("none", "disable", "disabled")


def thinking_config(body: dict[str, Any], traits: Traits) -> dict[str, Any] | None:
    """The `thinkingConfig` that a chat body asks for, None if it does not. `thinking` wins over `reasoning_effort`."""
    thinking = body.get("thinking")
    if thinking is not None:
        if not isinstance(thinking, dict):
            raise BadRequestError("thinking must be an object.", param="thinking")
        return _of_thinking(thinking, traits)
    effort = body.get("reasoning_effort")
    if isinstance(effort, dict):  # as the Responses API writes it
        effort = effort.get("effort")
    return None if effort is None else _of_effort(as_text(effort), traits)


def effort_of(config: dict[str, Any]) -> str | None:
    """The effort that a `thinkingConfig` asks for, None if it leaves that to the model."""
    level = as_text(config.get("thinkingLevel")).lower()
    if level in EFFORTS:
        return level
    budget = config.get("thinkingBudget")
    if not isinstance(budget, int) or budget < 0:
        return None
    return _effort_for(budget) if budget else "none"


def _effort_for(budget: int) -> str:
    """The effort that so many tokens of thinking stand for."""
    return next((name for name in ("high", "medium", "low") if budget >= BUDGETS[name]), "minimal")


def _of_effort(effort: str, traits: Traits) -> dict[str, Any]:
    if effort not in EFFORTS and effort not in _NO_EFFORT:
        raise BadRequestError(f"reasoning_effort must be one of {', '.join(EFFORTS)}.", param="reasoning_effort")
    if effort in _NO_EFFORT:
        return _resting(traits)
    if traits.thinking == "level":
        return {"thinkingLevel": _level(effort, traits), "includeThoughts": True}
    return {"thinkingBudget": BUDGETS.get(effort, traits.least_budget), "includeThoughts": True}


def _of_thinking(thinking: dict[str, Any], traits: Traits) -> dict[str, Any]:
    if thinking.get("type") == "disabled":
        return _resting(traits)
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        return {"includeThoughts": True}  # how long is left to the model
    if traits.thinking == "level":
        return {"thinkingLevel": _level(_effort_for(budget), traits), "includeThoughts": True}
    return {"thinkingBudget": budget, "includeThoughts": budget != 0}


def _resting(traits: Traits) -> dict[str, Any]:
    """No thinking, or as little as the model can do."""
    if traits.thinking == "level":
        return {"thinkingLevel": traits.efforts[0], "includeThoughts": False}
    return {"thinkingBudget": 0 if traits.can_rest else traits.least_budget, "includeThoughts": False}


def _level(effort: str, traits: Traits) -> str:
    """The level for an effort, or the next higher one that the model knows."""
    wanted = ("minimal", "low", "medium", "high")
    at = wanted.index(effort) if effort in wanted else len(wanted) - 1
    return next(level for level in wanted[at:] if level in traits.efforts)
