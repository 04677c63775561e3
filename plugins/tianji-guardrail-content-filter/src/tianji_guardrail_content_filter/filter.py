"""Looking for everything at once, and where only by what has hit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import re2

from tianji_guardrail_content_filter.expressions import MEMORY, compiled, options
from tianji_guardrail_content_filter.phrases import plain

_CANARY = "tianji-canary-7d1f"
_TIES = re.compile(r"\\[Az]|\(\?\w*-\w*m")
"""What ties an expression to the ends of a text, so that it has to be looked for in each by itself."""


class Found(NamedTuple):
    """What is said of a hit: never more of the text than the config itself says."""

    name: str
    """For the record: a pattern, a category, or `keyword`."""
    message: str
    detail: Mapping[str, str]


class Rule(NamedTuple):
    """Something to look for. `tag` stands for it where it is masked; None where it blocks."""

    expression: str
    tag: str | None
    found: Found
    listed: Mapping[str, Found] = {}
    """For rules of many words: what is said of each, by its plain spelling."""
    check: Callable[[str], int] | None = None
    """How many characters of a hit are it; 0 if none."""
    exceptions: str | None = None
    """An expression: hits in the same sentence are overlooked."""


class Hit(NamedTuple):
    """What was found where, in bytes of UTF-8. `rank` is the place of its rule among all."""

    start: int
    end: int
    rank: int
    tag: str | None
    found: Found


class Filter:
    """All rules of one guardrail; what stands first among them counts first."""

    def __init__(self, rules: Sequence[Rule], memory: int = MEMORY) -> None:
        """Raises ValueError for an expression that RE2 does not take, and for more than it has memory for."""
        self._rules = [_Compiled(rule, rank) for rank, rule in enumerate(rules)]
        self._all: Any = re2.Set.SearchSet(options(memory))
        for rule in rules:
            self._all.Add(f"(?m:{rule.expression})".encode())  # so that texts can be looked at line by line
        self._joins = not any(_TIES.search(rule.expression) for rule in rules)
        canary = self._all.Add(_CANARY.encode())
        # A set that has no room to run says the same as one that finds nothing.
        if not _compiles(self._all) or self._all.Match(_CANARY.encode()) != [canary]:
            raise ValueError("there are too many patterns and words")
        self._canary = canary

    def finds_nothing(self, lines: bytes) -> bool:
        """Whether no line has a hit, by one look at all of them; False says that one may have."""
        return self._joins and self._all.Match(lines) is None

    def hits(self, text: str, only_blocks: bool = False) -> list[Hit]:
        """Everything that is found, by its place; only the first hit of each rule that blocks, since one is enough.

        With `only_blocks` all rules are taken to block.
        """
        data = text.encode("utf-8", "surrogatepass")
        indexes = self._all.Match(data)
        if indexes is None:
            return []
        found: list[Hit] = []
        for index in indexes:
            if index == self._canary:
                continue
            rule = self._rules[index]
            for hit in rule.hits(data):
                found.append(hit)
                if only_blocks or hit.tag is None:
                    break
        found.sort(key=lambda hit: (hit.start, -hit.end, hit.rank))
        return found


class _Compiled:
    def __init__(self, rule: Rule, rank: int) -> None:
        self._rule, self._rank = rule, rank
        self._pattern = compiled(rule.expression)
        groups = self._pattern.groupindex
        self._hit, self._listed = groups.get(b"hit", 0), groups.get(b"listed", 0)
        self._exceptions: Any = compiled(rule.exceptions) if rule.exceptions else None

    def hits(self, data: bytes) -> Iterator[Hit]:
        rule, at, wrong = self._rule, 0, 0
        while (match := self._pattern.search(data, at)) is not None:
            start, end = match.span(self._hit)
            # Words may overlap, and what ends one may be what the next begins after.
            at = start + 1 if self._listed else max(end, match.start() + 1)
            found = rule.found
            if rule.check is not None:
                text = data[start:end].decode("utf-8", "replace")
                length = len(text[: rule.check(text)].encode())
                if length:
                    at = start + length
                elif end - start <= _NUMBER and wrong < _WRONG:  # it may hold a right one
                    at, wrong = start + 1, wrong + 1
                end = start + length
            elif self._listed and rule.listed:
                found = rule.listed.get(plain(match.group(self._listed).decode("utf-8", "replace")), rule.found)
            if end > start and not self._excepted(data, start, end):
                yield Hit(start, end, self._rank, rule.tag, found)

    def _excepted(self, data: bytes, start: int, end: int) -> bool:
        if self._exceptions is None:
            return False
        first = max(data.rfind(mark, max(0, start - _SENTENCE), start) for mark in _MARKS) + 1
        ends = [at for mark in _MARKS if (at := data.find(mark, end, end + _SENTENCE)) >= 0]
        first, last = max(first, start - _SENTENCE, 0), min(ends, default=end + _SENTENCE)
        return self._exceptions.search(data, first, last) is not None


_NUMBER = 64
"""Bytes that the longest number may have, with all that stands between its digits."""
_WRONG = 2000
"""How many wrong numbers of a text are looked at from within, so that many of them take no more time than others."""
_MARKS = (b".", b"!", b"?", b"\n", "。".encode())
_SENTENCE = 400
"""Bytes before and after a hit that may belong to its sentence."""


def masked(text: str, hits: list[Hit]) -> str:
    """The text with tags in place of hits. Of two that overlap the first stands for both."""
    data = text.encode("utf-8", "surrogatepass")
    out, at = [], 0
    for hit in hits:
        if hit.start >= at:
            out += [data[at : hit.start], (hit.tag or "").encode()]
        at = max(at, hit.end)
    out.append(data[at:])
    return b"".join(out).decode("utf-8", "surrogatepass")


def _compiles(all_rules: Any) -> bool:
    try:
        all_rules.Compile()
    except re2.error:
        return False
    return True
