"""Finding credentials: one pass for all rules together, and a look for where only by those that hit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import re2

from tianji_guardrail_secrets.rule import MEMORY, Rule, compiled, options

REDACTED = "[REDACTED]"
_CANARY = "tianji-canary-7d1f"


class Scanner:
    """Finds what the rules describe, in time that grows with the text only."""

    def __init__(self, rules: Sequence[Rule], memory: int = MEMORY) -> None:
        """Raises ValueError for a rule that RE2 does not take, and if all together are too many for its memory."""
        self._all: Any = re2.Set.SearchSet(options(memory))
        self._rules: list[tuple[Rule, Any]] = []
        for rule in rules:
            pattern = compiled(rule.pattern)
            if pattern is None:
                raise ValueError(f"the pattern of {rule.name} cannot be used")
            self._all.Add(f"(?m:{rule.pattern})".encode())  # so that texts can be looked at line by line
            self._rules.append((rule, pattern))
        canary = self._all.Add(_CANARY.encode())
        # A set that has no room to run says the same as one that finds nothing.
        if not _compiles(self._all) or self._all.Match(_CANARY.encode()) != [canary]:
            raise ValueError("there are too many rules")
        self._canary = canary

    def finds_nothing(self, lines: bytes) -> bool:
        """Whether no line has a credential in it, by one look at all of them; False says that one may have.

        No rule is tied to the ends of a text (`\\A`, `\\z`): each hit in one is a hit in all of them, line by line.
        """
        return self._all.Match(lines) is None

    def hide(self, text: str) -> tuple[str, list[str]]:
        """The text without credentials, and the kind of each that was in it."""
        data = text.encode("utf-8", "surrogatepass")
        hits = self._all.Match(data)
        if not hits:
            return text, []
        spans = sorted(self._spans(hits, data), key=lambda span: (span[0], -span[1]))
        if not spans:
            return text, []
        out, at, kinds = [], 0, []
        for start, end, kind in spans:
            if start >= at:
                out += [data[at:start], REDACTED.encode()]
                kinds.append(kind)
            at = max(at, end)  # two that overlap are one
        out.append(data[at:])
        return b"".join(out).decode("utf-8", "surrogatepass"), kinds

    def _spans(self, hits: Iterable[int], data: bytes) -> Iterator[tuple[int, int, str]]:
        for index in hits:
            if index == self._canary:
                continue
            rule, pattern = self._rules[index]
            if rule.find is not None:
                yield from ((start, end, rule.name) for start, end in rule.find(data))
                continue
            for match in pattern.finditer(data):
                start, end = match.span(rule.group)
                if rule.check is None or rule.check(data[start:end].decode("utf-8", "replace")):
                    yield start, end, rule.name


def _compiles(all_rules: Any) -> bool:
    try:
        all_rules.Compile()
    except re2.error:
        return False
    return True
