"""Scanning one text: its words, its raw marks, its likeness to known phrases, and what it hides in another spelling."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from tianji_guardrail_prompt_injection import codings
from tianji_guardrail_prompt_injection.fold import fold, words_of
from tianji_guardrail_prompt_injection.phrases import PHRASES
from tianji_guardrail_prompt_injection.rules import HINT, LETTER_RULES, RAW_RULES, STRONG, SURE, UNSPACED_RULES
from tianji_guardrail_prompt_injection.similarity import PhraseIndex
from tianji_guardrail_prompt_injection.wording import Wording
from tianji_guardrail_prompt_injection.words import CODES, SINGLE, letters_of

SIMILARITY = 0.65
"""The similarity to a known phrase that counts unless configured: below, development showed the first wrong hits."""
_LIKELY = 1.5
_DOUBTFUL = 1.0
"""Logarithms of odds from which on a text's wording is strong evidence, and a hint."""
_SPACED = re.compile(SINGLE + "{8,}")
_APART = "." * 14
"""Between what does not belong together: more than any gap in a rule."""
_NEAR = 60
"""Words within which hints add up."""
_LAYERS = 2
"""How many codings inside each other are undone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that matched. `coding` is how the text was hidden, "" if it was not; `place` the word a hint stands at."""

    rule: str
    weight: int
    coding: str = ""
    place: int = 0


class Scanner:
    """Scans texts for what the rules, the known phrases and those of the config describe. Has no state that changes."""

    def __init__(
        self, block_phrases: Iterable[str] = (), allow_phrases: Iterable[str] = (), similarity: float = SIMILARITY
    ) -> None:
        self._block = [" ".join(fold(phrase).split()) for phrase in block_phrases]
        allowed = "|".join(re.escape(phrase) for phrase in sorted(allow_phrases, key=len, reverse=True))
        self._allow = re.compile(allowed, re.IGNORECASE) if allowed else None
        self._known = PhraseIndex(PHRASES, similarity)
        self._wording = Wording.learned()

    def scan(self, text: str) -> list[Finding]:
        """What was found, each rule once with its greatest weight; the heaviest first."""
        if self._allow is not None:
            text = self._allow.sub(" ", text)
        best: dict[str, Finding] = {}
        for finding in self._scan(text, "", 0):
            known = best.get(finding.rule)
            if known is None or finding.weight > known.weight:
                best[finding.rule] = finding
        return sorted(best.values(), key=lambda finding: -finding.weight) if best else []

    def _scan(self, text: str, coding: str, layer: int) -> Iterator[Finding]:
        folded = fold(text)
        words = words_of(folded)
        letters = letters_of(words)
        worded = self._worded(words, letters, coding)
        yield from _near(chain(_match(letters, coding), _marks(text, folded, coding), worded))
        if self._known.resembles(words):
            yield Finding("known-phrase", STRONG, coding)
        if self._block:
            yield from self._phrases(folded, coding)
        yield from _respaced(text, words, letters, coding)
        if layer < _LAYERS:
            for way, plain in codings.parts(text):
                yield from self._scan(plain, way, layer + 1)
            for way, plain in codings.whole(text, words):
                yield from self._scan(plain, way, _LAYERS)  # as long as the text: not turned round once more

    def _worded(self, words: list[str], letters: str, coding: str) -> Iterator[Finding]:
        odds, place = self._wording.odds(words, letters)
        if odds >= _DOUBTFUL:
            yield Finding("wording", STRONG if odds >= _LIKELY else HINT, coding, place)

    def _phrases(self, folded: str, coding: str) -> Iterator[Finding]:
        joined = f" {' '.join(folded.split())} "
        for phrase in self._block:
            if (f" {phrase} " if phrase.isascii() else phrase) in joined:
                yield Finding("block-phrase", SURE, coding)


def _match(letters: str, coding: str) -> Iterator[Finding]:
    for rule in LETTER_RULES:
        if rule.needs in letters:
            if rule.weight == HINT:
                for match in rule.pattern.finditer(letters):
                    yield Finding(rule.name, HINT, coding, match.start())
            elif rule.pattern.search(letters):
                yield Finding(rule.name, rule.weight, coding)


def _near(found: Iterable[Finding]) -> Iterator[Finding]:
    """What was found, but of the hints only those where most of them are near each other: far apart, they mean nothing.

    Linear in the number of findings, but for putting them in order.
    """
    hints = []
    for finding in found:
        if finding.weight == HINT:
            hints.append(finding)
        else:
            yield finding
    hints.sort(key=lambda finding: finding.place)
    recent: deque[Finding] = deque()
    inside: Counter[str] = Counter()
    most: list[Finding] = []
    for hint in hints:
        recent.append(hint)
        inside[hint.rule] += 1
        while recent[0].place < hint.place - _NEAR:
            gone = recent.popleft().rule
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
        if len(inside) > len(most):
            most = list({finding.rule: finding for finding in recent}.values())
    yield from most


def _marks(text: str, folded: str, coding: str) -> Iterator[Finding]:
    lowered = f"\n{text.lower()}"
    for rule in RAW_RULES:
        if rule.needs in lowered and (match := rule.pattern.search(lowered)):
            yield Finding(rule.name, rule.weight, coding, len(lowered[: match.start()].split()))
    if not text.isascii():
        for rule in UNSPACED_RULES:
            if rule.pattern.search(folded):
                yield Finding(rule.name, rule.weight, coding)


def _respaced(text: str, words: list[str], letters: str, coding: str) -> Iterator[Finding]:
    """What the words say once they are put together or taken apart at other places."""
    if SINGLE * 8 in letters:
        spelled = ["".join(words[m.start() : m.end()]) for m in _SPACED.finditer(letters)]
        yield from _match(_APART.join(map(_glued, spelled)), coding or "spaced")
    # Names in programs and lists of texts make sentences, too: only what is unmistakable counts below.
    if together := [word for word in words if len(word) >= codings.LONG]:
        yield from _sure(_match(_APART.join(map(_glued, together)), coding or "unspaced"))
    for joined in codings.quoted(text):
        yield from _sure(_match(letters_of(fold(joined).split()), coding or "split"))


def _sure(found: Iterator[Finding]) -> Iterator[Finding]:
    return (finding for finding in found if finding.weight >= SURE)


def _trie(words: Iterable[str]) -> str:
    """A regular expression for any of these words, longest first, that looks at each character once."""
    branches: dict[str, list[str]] = {}
    ends = False
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
        else:
            ends = True
    if not branches:
        return ""
    options = "|".join(re.escape(first) + _trie(rest) for first, rest in sorted(branches.items()))
    return f"(?:{options})?" if ends else f"(?:{options})"


_SWALLOWING = ("yours", "systemprompt", "systemprompts")
"""Known words that would take letters from "your system prompt" where there are no spaces."""
_GLUED = re.compile(_trie({word for word in CODES if len(word) > 3 or word in ("aii", "you")}.difference(_SWALLOWING)))


def _glued(text: str) -> str:
    """The letters of the known words in a text without spaces."""
    return letters_of(_GLUED.findall(text))
