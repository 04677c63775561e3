"""What `modify_params: true` allows: changing a request that the vendor would refuse into one that it takes.

Sources: the 400 errors in Anthropic's "Errors" page, "Extended thinking" (what it does not go with), "Messages" API
reference (ranges). Without that setting such a request goes out as it is and the vendor says what is wrong with it.
"""

from __future__ import annotations

from typing import Any

from tianji_core.translate.anthropic.content import text_block
from tianji_core.translate.anthropic.models import Traits
from tianji_core.translate.anthropic.thinking import MIN_BUDGET, budget_of, is_thinking

CONTINUE = "Please continue."
"""A user's turn where the vendor wants one and the caller has none."""


def mend(request: dict[str, Any], traits: Traits) -> None:
    """Change a body of the Messages API in place."""
    _mend_turns(request)
    _mend_length(request, traits)
    _mend_thinking(request)
    _mend_sampling(request, traits)


def _mend_turns(request: dict[str, Any]) -> None:
    turns = request["messages"]
    if not turns or turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [text_block(CONTINUE)]})


def _mend_length(request: dict[str, Any], traits: Traits) -> None:
    if traits.max_tokens_known and request["max_tokens"] > traits.max_tokens:
        request["max_tokens"] = traits.max_tokens


def _mend_thinking(request: dict[str, Any]) -> None:
    """A budget has to be less than `max_tokens`, and a turn of calls in the history has to begin with its thinking."""
    thinking = request.get("thinking")
    budget, most = budget_of(thinking), request["max_tokens"]
    if budget and budget >= most:
        if most <= MIN_BUDGET:
            del request["thinking"]
        else:
            request["thinking"] = {**request["thinking"], "budget_tokens": max(MIN_BUDGET, most // 2)}
    if request.get("thinking", {}).get("type") == "enabled" and _thinking_is_lost(request["messages"]):
        del request["thinking"]


def _thinking_is_lost(turns: list[dict[str, Any]]) -> bool:
    """Whether the last answer calls tools and its thinking was not sent back: its signature cannot be made up."""
    last = next((turn for turn in reversed(turns) if turn["role"] == "assistant"), None)
    if last is None or not any(block["type"] == "tool_use" for block in last["content"]):
        return False
    return last["content"][0]["type"] not in ("thinking", "redacted_thinking")


def _mend_sampling(request: dict[str, Any], traits: Traits) -> None:
    if is_thinking(request.get("thinking")):
        request.pop("temperature", None)
        request.pop("top_k", None)
    temperature = request.get("temperature")
    if isinstance(temperature, (int, float)):
        request["temperature"] = min(max(temperature, 0), 1)
        if not traits.both_sampling:
            request.pop("top_p", None)
