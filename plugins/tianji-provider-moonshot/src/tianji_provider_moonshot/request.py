"""What Moonshot wants otherwise in a request."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.openai_compat.reasoning import switch_thinking, with_blank_reasoning
from tianji_provider_moonshot.models import Family

_WORDS = {"minimal": "low", "medium": "high", "xhigh": "max"}
"""kimi-k3 knows low, high and max."""


def adjust_request(body: Body, family: Family) -> None:
    """Change a body in place; what lies inside it is shared, and is copied where it changes."""
    _steer_thinking(body, family)
    _clip_temperature(body)
    if family.thinks:
        body["messages"] = with_blank_reasoning(body["messages"])
    _ask_for_tool(body)


def _steer_thinking(body: Body, family: Family) -> None:
    effort = body.get("reasoning_effort")
    if effort is None or not family.effort:
        return
    if family.effort == "word":
        body["reasoning_effort"] = _WORDS.get(effort, effort)
    else:
        switch_thinking(body)
        del body["reasoning_effort"]


def _clip_temperature(body: Body) -> None:
    """Temperatures go from 0 to 1 here, and several answers want at least 0.3 (LiteLLM does the same)."""
    temperature = body.get("temperature")
    if isinstance(temperature, int | float):
        several = isinstance(body.get("n"), int) and body["n"] > 1
        body["temperature"] = min(1, max(temperature, 0.3)) if several else min(1, temperature)


def _ask_for_tool(body: Body) -> None:
    """A tool cannot be forced, so the model is asked to call one, as Moonshot's guide to tool use proposes."""
    choice: Any = body.get("tool_choice")
    if choice in (None, "auto", "none"):
        return
    del body["tool_choice"]
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    wish = f"Call the tool {name} now." if name else "Call one of the tools now."
    body["messages"] = [*body["messages"], {"role": "user", "content": wish}]
