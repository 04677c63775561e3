"""Expressions by RE2: in time that grows with the text only, whatever they are."""

from __future__ import annotations

from typing import Any, Final

import re2

MEMORY: Final = 64 << 20
"""Bytes that RE2 may use for what it compiles, and for what it remembers of texts."""


def options(memory: int = MEMORY) -> Any:
    """How all are compiled: quietly, and within a bounded memory."""
    found = re2.Options()
    found.log_errors = False
    found.max_mem = memory
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
