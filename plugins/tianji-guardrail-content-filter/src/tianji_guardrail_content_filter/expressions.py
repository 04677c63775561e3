"""Expressions by RE2: in time that grows with the text only, whatever they are."""

from __future__ import annotations

from typing import Any

import re2


def options() -> Any:
    """How all are compiled: quietly, and within a bounded memory."""
    found = re2.Options()
    found.log_errors = False
    found.max_mem = 64 << 20
    return found


def compiled(expression: str) -> Any:
    """An expression over UTF-8. Raises ValueError for one that RE2 does not take."""
    try:
        return re2.compile(expression.encode(), options())
    except re2.error as error:
        told = error.args[0] if error.args else ""
        text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise ValueError(
            f"this expression cannot be used: {text} (RE2 has no look-around and no back-references)"
        ) from None


def any_of(texts: list[str]) -> str:
    """Whole words and phrases in any case, with any white space between words; longer ones before shorter ones."""
    spelled = [r"\s+".join(re2.escape(word) for word in text.split()) for text in sorted(texts, key=len, reverse=True)]
    return r"(?i)(?:^|[^\pL\pN_])(" + "|".join(spelled) + r")(?:$|[^\pL\pN_])"
