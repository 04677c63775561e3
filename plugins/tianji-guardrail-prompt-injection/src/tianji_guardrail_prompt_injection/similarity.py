"""Similarity of a text to a corpus of known phrases, in time proportional to the text.

Both are reduced to stems: folded words without the commonest ones, cut to five letters; words that the rules take for
one another (words.py) have one stem. A phrase is known by its ordered pairs of stems, next to each other or one apart,
and an index leads from each pair to the phrases that have it. A window that is half as long again as a phrase slides
over the text; the share of the phrase's pairs inside it is the similarity, 0 to 1. So a word put in between costs
little, a word exchanged in a long phrase too, and the same words in another order are something else.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from itertools import pairwise
from math import ceil

from tianji_guardrail_prompt_injection.fold import fold, words_of
from tianji_guardrail_prompt_injection.words import CODES

_STEM = 5
"""Letters of a word that count: enough to tell words apart, and what inflection mostly leaves alone."""
_COMMON = frozenset(
    fold(
        """a an the of to and or that this these those it is are was were be been in on at for from with by as i please
        now just very really so than then there here all any every each some which who whom s t d
        der die das den dem und zu le la les des un une et el los las una y de da do dos das o os il lo gli i e"""
    ).split()
)
"""Words that say nothing by themselves, in the languages of the corpus."""
_SYNONYMS = {word: code for word, code in CODES.items() if code in "VAORPXHI"}
"""Words of those classes of the vocabulary whose words stand for each other in a phrase, and their stem."""
_MIN_STEMS = 3
"""Stems of a phrase from which on its pairs are a fingerprint."""


class PhraseIndex:
    """Phrases made ready for comparison. Does not change once made; one may serve any number of threads."""

    def __init__(self, phrases: Iterable[str], threshold: float) -> None:
        """`threshold` is the similarity, above 0 and up to 1, from which on a text resembles a phrase.

        Raises ValueError for a phrase that is too short to be compared.
        """
        self._phrases_with: dict[tuple[str, str], list[int]] = {}
        self._spans: list[int] = []
        """Of each phrase: how many stems of the text are looked at together."""
        self._needed: list[int] = []
        """Of each phrase: how many of its pairs make a text similar."""
        for number, phrase in enumerate(phrases):
            stems = _stems(words_of(fold(phrase)))
            if len(stems) < _MIN_STEMS:
                raise ValueError(f"too short to be compared: {phrase!r}")
            pairs = _pairs(stems)
            for pair in pairs:
                self._phrases_with.setdefault(pair, []).append(number)
            self._spans.append(len(stems) + len(stems) // 2)
            self._needed.append(ceil(threshold * len(pairs)))

    def resembles(self, words: Iterable[str]) -> bool:
        """Whether some stretch of a text, given as its folded words, is similar to a phrase.

        Most texts have not the pairs of any phrase, wherever they stand, and that is seen at once.
        """
        stems = _stems(words)
        known = _pairs(stems) & self._phrases_with.keys()
        shared = Counter(phrase for pair in known for phrase in self._phrases_with[pair])
        windows = {
            phrase: _Window(self._spans[phrase], self._needed[phrase])
            for phrase, pairs in shared.items()
            if pairs >= self._needed[phrase]
        }
        if not windows:
            return False
        waiting = {
            pair: [windows[phrase] for phrase in self._phrases_with[pair] if phrase in windows] for pair in known
        }
        for place, (second_last, last, stem) in enumerate(zip(["", "", *stems], ["", *stems], stems, strict=False)):
            for pair in ((second_last, stem), (last, stem)):
                for window in waiting.get(pair, ()):
                    if window.fills(place, pair):
                        return True
        return False


class _Window:
    """The pairs of one phrase that were seen lately."""

    __slots__ = ("_last", "_needed", "_recent", "_span")

    def __init__(self, span: int, needed: int) -> None:
        self._span, self._needed = span, needed
        self._last: dict[tuple[str, str], int] = {}
        self._recent: deque[tuple[int, tuple[str, str]]] = deque()

    def fills(self, place: int, pair: tuple[str, str]) -> bool:
        """Take in a pair at a place of the text; whether enough different ones are inside the window now."""
        self._last[pair] = place
        self._recent.append((place, pair))
        while self._recent[0][0] <= place - self._span:
            old, gone = self._recent.popleft()
            if self._last.get(gone) == old:
                del self._last[gone]
        return len(self._last) >= self._needed


def _pairs(stems: list[str]) -> set[tuple[str, str]]:
    """Each two stems that stand next to each other or one apart."""
    return {*pairwise(stems), *zip(stems, stems[2:], strict=False)}


def _stems(words: Iterable[str]) -> list[str]:
    stem = _SYNONYMS.get
    return [stem(word) or word[:_STEM] for word in words if word not in _COMMON]
