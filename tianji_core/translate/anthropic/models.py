"""What differs between the Claude models, told by family and version in the model's name.

Sources: Anthropic's "Models overview" and the page of each model (longest answer, kind of thinking), "Adaptive
thinking", "Effort", "Structured outputs", "Mid-conversation system messages", and the migration guides (sampling
parameters). Names are told apart by version, so that a model newer than this file behaves as the newest known one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

FALLBACK_MAX_TOKENS = 4096
"""Longest answer asked for where the model's own limit is not known: every Claude model takes it."""

PARAMS = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "parallel_tool_calls",
        "response_format",
        "stop",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
        "web_search_options",
    }
)
"""OpenAI's parameters that every Claude model takes, in some translation (newer ones 1 for the sampling ones only)."""

Version = tuple[int, int]

_FAMILY_FIRST = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_VERSION_FIRST = re.compile(r"claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)")
_NO_VERSION = re.compile(r"claude-(mythos)(?!-?\d)")

_MAX_TOKENS: tuple[tuple[Version, int], ...] = (((4, 6), 128_000), ((4, 5), 64_000), ((4, 1), 32_000))
"""Longest answer from a version on. Models before these are no longer sold and get FALLBACK_MAX_TOKENS."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a request to a model has to mind."""

    max_tokens: int = FALLBACK_MAX_TOKENS
    max_tokens_known: bool = False
    thinking: Literal["none", "budget", "adaptive"] = "budget"
    """`budget`: `thinking.budget_tokens`; `adaptive`: the model decides, `output_config.effort` guides it."""
    thinks_unasked: Literal["no", "unless_disabled", "always"] = "no"
    xhigh_effort: bool = False
    sampling: bool = True
    """Whether `temperature` and `top_p` may be set."""
    both_sampling: bool = True
    """Whether `temperature` and `top_p` may be set together."""
    json_schema: Literal["tool", "beta", "native"] = "tool"
    """How an answer is held to a schema: a forced tool, `output_format` (beta), `output_config.format`."""
    inline_system: bool = False
    """Whether `role: "system"` may stand within the conversation."""
    effort_beta: bool = False
    """Whether `output_config.effort` needs its beta header."""


@lru_cache(maxsize=1024)
def traits(model: str) -> Traits:
    """The traits of a model; of a name that says no version, those that any Claude model of the last years has."""
    family, version = parse_name(model)
    if version is None:
        return Traits()
    limit = next((limit for since, limit in _MAX_TOKENS if version >= since), None)
    return Traits(
        max_tokens=limit or FALLBACK_MAX_TOKENS,
        max_tokens_known=limit is not None,
        thinking="adaptive" if version >= (4, 6) else "budget" if version >= (3, 7) else "none",
        thinks_unasked=_thinks_unasked(family, version),
        xhigh_effort=version >= (4, 7),
        sampling=version < (4, 7),
        both_sampling=version < (4, 1),
        json_schema="native" if version >= (4, 6) else "beta" if version >= (4, 1) else "tool",
        inline_system=version >= ((5, 5) if family in ("sonnet", "haiku") else (4, 8)),
        effort_beta=(family, version) == ("opus", (4, 5)),
    )


def supported_params(model: str) -> frozenset[str]:
    """The OpenAI parameters that a model takes."""
    return PARAMS | {"reasoning_effort"} if traits(model).thinking != "none" else PARAMS


def parse_name(model: str) -> tuple[str, Version | None]:
    """Family and version of a model name, in any of the vendor's spellings and those of the clouds that host it."""
    name = model.lower()
    if match := _FAMILY_FIRST.search(name):
        return match[1], (int(match[2]), int(match[3] or 0))
    if match := _VERSION_FIRST.search(name):
        return match[3], (int(match[1]), int(match[2] or 0))
    if match := _NO_VERSION.search(name):
        return match[1], (5, 0)  # claude-mythos-preview: adaptive only, like the family's numbered models
    return "", None


def _thinks_unasked(family: str, version: Version) -> Literal["no", "unless_disabled", "always"]:
    if version < (5, 0):
        return "no"
    if family in ("opus", "sonnet", "haiku") and version < (5, 5):
        return "unless_disabled"
    return "always"
