"""Usage that cannot be true: vendors' numbers of tokens are held between nothing and what no call can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_TOKENS = 100_000_000
"""Tokens of one call that are believed: ten times the longest context of any model, so that a defect of a vendor's
(it happens that one tells 2^63) fills no budget for all time."""


def believable(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage itself if its tokens are numbers that can be; else one with those put right, and `clamped: true`.

    `usage` has OpenAI's shape; details one level below are looked at too. The total is then summed up anew.
    """
    if not _may_be_odd(usage):  # nearly always: no name is looked at then
        return usage
    if not _is_odd(usage) and not any(isinstance(each, dict) and _is_odd(each) for each in usage.values()):
        return usage
    right = {name: _clamped(value) if isinstance(value, dict) else value for name, value in usage.items()}
    right = _clamped(right)
    if "total_tokens" in right:
        counts = (right.get("prompt_tokens"), right.get("completion_tokens"))
        right["total_tokens"] = sum(count for count in counts if isinstance(count, int))
    right["clamped"] = True
    return right


def _may_be_odd(usage: Mapping[str, Any]) -> bool:
    """Whether any number in it, of tokens or of something else, is out of the range of tokens."""
    for value in usage.values():
        kind = type(value)
        if kind is int or kind is float:
            if not 0 <= value <= MOST_TOKENS:
                return True
        elif kind is dict:
            for each in value.values():
                kind = type(each)
                if (kind is int or kind is float) and not 0 <= each <= MOST_TOKENS:
                    return True
    return False


def _is_odd(counts: Mapping[str, Any]) -> bool:
    for name, value in counts.items():
        kind = type(value)
        if (kind is int or kind is float) and name.endswith("_tokens") and not 0 <= value <= MOST_TOKENS:
            return True
    return False


def _clamped(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: min(max(0, value), MOST_TOKENS) if type(value) in (int, float) and name.endswith("_tokens") else value
        for name, value in counts.items()
    }
