"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import re2


class Rule(NamedTuple):
    """A kind of credential and what it looks like."""

    name: str
    pattern: str
    """For RE2, over UTF-8."""
    group: int = 0
    """The group that is the credential; 0 if all of the match is."""
    check: Callable[[str], bool] | None = None
    """What a hit has to stand."""
    of: tuple[str, ...] = ()
    """Detectors that mean this kind where a config names them."""
    find: Callable[[bytes], Iterable[tuple[int, int]]] | None = None
    """Finds the places itself, once the pattern has hit: what no expression can tell."""


MEMORY: Final = 64 << 20
"""Bytes that RE2 may use for what it compiles, and for what it remembers of texts."""


def options(memory: int = MEMORY) -> Any:
    """How all are compiled: quietly, within a bounded memory."""
    found = re2.Options()
    found.log_errors = False
    found.max_mem = memory
    return found


def compiled(pattern: str) -> Any:
    """The pattern over UTF-8, or None if RE2 does not take it: look-arounds, references to groups."""
    try:
        return re2.compile(pattern.encode(), options())
    except re2.error:
        return None
