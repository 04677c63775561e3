"""What Moonshot's models take and lack, by family of names (https://platform.moonshot.ai/docs/api/chat)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NOBODYS = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_retention",
        "seed",
        "service_tier",
        "store",
        "top_logprobs",
        "user",
        "verbosity",
        "web_search_options",
    }
)
_FIXED = frozenset({"frequency_penalty", "n", "presence_penalty", "temperature", "top_p"})
"""What newer models have a fixed value of, and refuse any other."""
_EFFORT = frozenset({"reasoning_effort"})


@dataclass(frozen=True)
class Family:
    """Models that share rules. `effort` says how thinking is steered: by a word, by a switch, or not at all."""

    lacks: frozenset[str]
    effort: str = ""
    thinks: bool = False


PLAIN = Family(_NOBODYS | _EFFORT)
THINKING = Family(_NOBODYS | _FIXED | _EFFORT, thinks=True)
SWITCHED = Family(_NOBODYS | _FIXED, "switch", thinks=True)
GRADED = Family(_NOBODYS | _FIXED, "word", thinks=True)

_FAMILIES = (
    (re.compile(r"kimi-k([3-9]|\d\d)"), GRADED),
    (re.compile(r"kimi-k2\.[56]"), SWITCHED),
    (re.compile(r"kimi-k2\.\d|thinking"), THINKING),
)


def family_of(model: str) -> Family:
    """The rules of a model; names that are not known go by those of moonshot-v1."""
    return next((family for pattern, family in _FAMILIES if pattern.search(model)), PLAIN)
