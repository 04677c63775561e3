"""Reasoning: OpenAI's `reasoning_effort` and Anthropic's `thinking`, on older and newer models.

Sources: Anthropic's "Extended thinking" (budgets), "Adaptive thinking", "Effort". The budgets for an effort are
LiteLLM's, so that a switch from it changes no bill.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.anthropic.models import Traits
from tianji_core.translate.shapes import as_object, as_text

MIN_BUDGET = 1024
BUDGETS = {"minimal": MIN_BUDGET, "low": MIN_BUDGET, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_NO_EFFORT = ("none", "disable", "disabled")


def thinking_members(body: dict[str, Any], traits: Traits) -> dict[str, Any]:
    """`thinking` and `output_config` for a chat body, as far as there is something to say.

    A `thinking` of the caller's own wins over `reasoning_effort`, an `output_config.effort` over both.
    """
    thinking, effort = body.get("thinking"), _effort(body.get("reasoning_effort"))
    config = dict(as_object(body.get("output_config")))
    if thinking is not None:
        if not isinstance(thinking, dict):
            raise BadRequestError("thinking must be an object.", param="thinking")
        thinking = dict(thinking)
        if traits.thinking == "adaptive":
            if thinking.get("type") == "enabled":
                # These models decide themselves how long to think; a budget is refused or deprecated.
                effort = effort or effort_of_budget(thinking.get("budget_tokens"))
                thinking = {"type": "adaptive", "display": thinking.get("display") or "summarized"}
            if effort is not None and effort not in _NO_EFFORT:
                config.setdefault("effort", _known_effort(effort, traits))
    elif effort is not None:
        thinking = _from_effort(effort, traits, config)
    members: dict[str, Any] = {}
    if thinking is not None:
        members["thinking"] = thinking
    if config:
        members["output_config"] = config
    return members


def effort_of_budget(budget: Any) -> str:
    """The effort that a budget of thinking tokens stands for."""
    tokens = budget if isinstance(budget, int) else 0
    return "high" if tokens >= BUDGETS["high"] else "medium" if tokens >= BUDGETS["medium"] else "low"


def is_thinking(thinking: Any) -> bool:
    """Whether thinking is asked for: then no tool can be forced, and the temperature is 1."""
    return as_object(thinking).get("type") in ("enabled", "adaptive")


def budget_of(thinking: Any) -> int:
    """The thinking tokens that are part of `max_tokens`; 0 if none are set aside."""
    budget = as_object(thinking).get("budget_tokens")
    return budget if isinstance(budget, int) and is_thinking(thinking) else 0


def _effort(value: Any) -> str | None:
    """The word in `reasoning_effort`, which the Responses API writes as an object."""
    if isinstance(value, dict):
        value = value.get("effort")
    if value is None:
        return None
    word = as_text(value)
    if word not in _EFFORTS and word not in _NO_EFFORT:
        wanted = ", ".join(("none", *_EFFORTS))
        raise BadRequestError(f"reasoning_effort must be one of {wanted}.", param="reasoning_effort")
    return word


def _from_effort(effort: str, traits: Traits, config: dict[str, Any]) -> dict[str, Any] | None:
    """The `thinking` for an effort; writes the effort into `config` on models that are guided by it."""
    if effort in _NO_EFFORT:
        if traits.thinks_unasked == "unless_disabled":
            return {"type": "disabled"}
        if traits.thinks_unasked == "always":
            config.setdefault("effort", "low")  # it cannot be switched off: as near as it gets
        return None
    if traits.thinking != "adaptive":
        return {"type": "enabled", "budget_tokens": BUDGETS[effort]}
    config.setdefault("effort", _known_effort(effort, traits))
    return {"type": "adaptive", "display": "summarized"}


def _known_effort(effort: str, traits: Traits) -> str:
    word = _EFFORTS[effort]
    return "high" if word == "xhigh" and not traits.xhigh_effort else word
