"""Strings in quotes that look random. Off unless a config names them: hashes, ids and pictures look so too."""

from __future__ import annotations

from collections import Counter
from math import log2
from typing import Final

from tianji_guardrail_secrets.rule import Rule

_QUOTE: Final = r"\\?[\"'`]"
_ALPHABETS: Final = {"Base64HighEntropyString": "[A-Za-z0-9+/=_-]", "HexHighEntropyString": "[0-9a-fA-F]"}
LIMITS: Final = {"Base64HighEntropyString": 4.5, "HexHighEntropyString": 3.0}
"""Bits a character from which on a string counts, where the config says no `limit`: detect-secrets' own."""


def entropy_rule(name: str, limit: float) -> Rule:
    """The rule for strings of 16 characters and more, with at least `limit` bits a character."""

    def looks_random(text: str) -> bool:
        return not text.isdigit() and entropy(text) >= limit

    return Rule(name, f"{_QUOTE}({_ALPHABETS[name]}{{16,}}){_QUOTE}", 1, looks_random)


def entropy(text: str) -> float:
    """Shannon's, in bits a character: 0 for one letter repeated, 4 for all hexadecimal digits alike."""
    size = len(text)
    return -sum(count / size * log2(count / size) for count in Counter(text).values())
