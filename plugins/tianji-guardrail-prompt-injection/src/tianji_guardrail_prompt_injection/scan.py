"""Scanning one text: its words, its raw marks, and what it hides in another spelling."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tianji_guardrail_prompt_injection.fold import fold, tagged
from tianji_guardrail_prompt_injection.rules import LETTER_RULES, RAW_RULES, UNSPACED_RULES
from tianji_guardrail_prompt_injection.words import CODES, SINGLE, letters_of

_LONG = 20
"""Characters from which on a word may be something else: base64, or words written together."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_SPACED = re.compile(SINGLE + "{8,}")
_RAW_MARKS = ("<|", "inst]", "<<sys", "system", "end of")
_APART = "." * 12
"""Between what does not belong together: more than any gap in a rule."""
_LAYERS = 2
"""How many codings inside each other are undone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that matched. `coding` is how the text was hidden, "" if it was not."""

    rule: str
    weight: int
    coding: str = ""


class Scanner:
    """Scans texts for what the rules and the phrases of the config describe. Has no state that changes."""

    def __init__(self, block_phrases: Iterable[str] = (), allow_phrases: Iterable[str] = ()) -> None:
        self._block = [" ".join(fold(phrase).split()) for phrase in block_phrases]
        allowed = "|".join(re.escape(phrase) for phrase in sorted(allow_phrases, key=len, reverse=True))
        self._allow = re.compile(allowed, re.IGNORECASE) if allowed else None

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
        words = folded.split()
        letters = letters_of(words)
        yield from _match(letters, coding)
        lowered = text.lower()
        if any(mark in lowered for mark in _RAW_MARKS):
            for rule in RAW_RULES:
                if rule.needs in lowered and rule.pattern.search(lowered):
                    yield Finding(rule.name, rule.weight, coding)
        if not text.isascii():
            for rule in UNSPACED_RULES:
                if rule.pattern.search(folded):
                    yield Finding(rule.name, rule.weight, coding)
            if layer < _LAYERS and (invisible := tagged(text)):
                yield from self._scan(invisible, "tag characters", layer + 1)
        if self._block:
            yield from self._phrases(words, coding)
        if SINGLE * 8 in letters:
            spelled = ["".join(words[m.start() : m.end()]) for m in _SPACED.finditer(letters)]
            yield from _match(_APART.join(map(_glued, spelled)), coding or "spaced")
        if len(text) >= _LONG:
            yield from self._hidden(text, words, coding, layer)

    def _hidden(self, text: str, words: list[str], coding: str, layer: int) -> Iterator[Finding]:
        together = [word for word in words if len(word) >= _LONG]
        if together:
            found = _match(_APART.join(map(_glued, together)), coding or "unspaced")
            yield from (finding for finding in found if finding.weight >= 3)  # names in programs make sentences, too
        if layer < _LAYERS and (long := [word for word in text.split() if len(word) >= _LONG]):
            pieces = [piece for word in long for piece in _BASE64.findall(word)]
            for piece in {"".join(pieces), *pieces} if len(pieces) > 1 else pieces:
                if decoded := _decode(piece):
                    yield from self._scan(decoded, "base64", layer + 1)

    def _phrases(self, words: list[str], coding: str) -> Iterator[Finding]:
        joined = f" {' '.join(words)} "
        for phrase in self._block:
            if (f" {phrase} " if phrase.isascii() else phrase) in joined:
                yield Finding("block-phrase", 3, coding)


def _match(letters: str, coding: str) -> Iterator[Finding]:
    for rule in LETTER_RULES:
        if rule.needs in letters and rule.pattern.search(letters):
            yield Finding(rule.name, rule.weight, coding)


def _decode(piece: str) -> str:
    """The text in a piece of base64 (either alphabet, padding or not); "" if there is none."""
    piece = piece.replace("-", "+").replace("_", "/")
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    try:
        text = binascii.a2b_base64(piece + "=" * (-len(piece) % 4)).decode()
    except ValueError:  # no base64, or no text in it
        return ""
    return text if " " in text or len(text) >= _LONG else ""


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


_GLUED = re.compile(_trie(word for word, code in CODES.items() if len(word) > 3 or word in ("aii", "you")))


def _glued(text: str) -> str:
    """The letters of the known words in a text without spaces."""
    return letters_of(_GLUED.findall(text))
