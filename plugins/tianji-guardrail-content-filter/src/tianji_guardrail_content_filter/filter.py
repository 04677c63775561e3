"""Looking for everything at once, and where only by what has hit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import re2

from tianji_guardrail_content_filter.expressions import any_of, compiled, options


class Rule(NamedTuple):
    """Something to look for. `tag` stands for it where it is masked; None where it blocks."""

    expression: str
    name: str
    kind: str
    tag: str | None
    check: Callable[[str], bool] | None = None


class Hit(NamedTuple):
    """What was found where, in bytes of UTF-8."""

    start: int
    end: int
    rule: Rule


class Filter:
    """All rules of one guardrail."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = [(rule, compiled(rule.expression)) for rule in rules]
        self._all: Any = re2.Set.SearchSet(options())
        for rule in rules:
            self._all.Add(rule.expression.encode())
        self._all.Compile()

    def hits(self, text: str) -> list[Hit]:
        """Everything that is found, by its place."""
        data = text.encode("utf-8", "surrogatepass")
        found: list[Hit] = []
        for index in self._all.Match(data) or ():
            rule, pattern = self._rules[index]
            at = 0
            while (match := pattern.search(data, at)) is not None:
                group = 1 if rule.kind == "word" else 0
                start, end = match.span(group)
                at = max(end, match.start() + 1)  # the character after a word may be the one before the next
                if end > start and (rule.check is None or rule.check(data[start:end].decode("utf-8", "replace"))):
                    found.append(Hit(start, end, rule))
        found.sort(key=lambda hit: (hit.start, -hit.end))
        return found


def masked(text: str, hits: list[Hit]) -> str:
    """The text with tags in place of hits. Of two that overlap the first stands for both."""
    data = text.encode("utf-8", "surrogatepass")
    out, at = [], 0
    for hit in hits:
        if hit.start >= at:
            out += [data[at : hit.start], (hit.rule.tag or "").encode()]
        at = max(at, hit.end)
    out.append(data[at:])
    return b"".join(out).decode("utf-8", "surrogatepass")


def words(texts: list[str], name: str, tag: str | None) -> Rule:
    """One rule for many words."""
    return Rule(any_of(texts), name, "word", tag)
