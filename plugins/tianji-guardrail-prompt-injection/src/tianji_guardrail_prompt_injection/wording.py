"""How much a text is worded like a prompt injection: the sum of weights that were learned from the development corpus.

The beginning of each word has a weight, so has its letter (words.py), and so has each pair of neighbours. The weights
come from a logistic regression (tests/learn_wording.py) and lie in wording.json; their sum is a logarithm of odds.
Linear in the number of words, whatever they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import accumulate, repeat
from math import log
from operator import add, sub

from tianji_guardrail_prompt_injection.words import UNKNOWN

STRETCH = 24
"""Words of a long text that are looked at together: as many as a long text of the development corpus has."""
_STEM = 6
"""Letters of a word that count."""


def stems_of(words: Iterable[str]) -> list[str]:
    """The beginnings of folded words."""
    return [word[:_STEM] for word in words]


def pairs_of(stems: Iterable[str], letters: str) -> Iterable[tuple[str, str]]:
    """Each word with the one before it: known ones as their letter, others as their stem; "" before the first."""
    tokens = [stem if letter == UNKNOWN else letter for stem, letter in zip(stems, letters, strict=True)]
    return zip(["", *tokens], tokens, strict=False)


class Wording:
    """Weights of stems, letters and pairs, and the sums that they make. Does not change."""

    def __init__(
        self,
        stems: Mapping[str, float],
        letters: Mapping[str, float],
        pairs: Mapping[str, Mapping[str, float]],
        bias: float,
    ) -> None:
        """`pairs` leads from the first to the second to the weight."""
        self._stems, self._letters, self._bias = stems, letters, bias
        self._pairs = {(first, second): weight for first, after in pairs.items() for second, weight in after.items()}

    @classmethod
    def learned(cls) -> Wording:
        """With the weights of this package."""
        known = json.loads(files(__package__).joinpath("wording.json").read_text(encoding="utf-8"))
        return cls(known["stems"], known["letters"], known["pairs"], known["bias"])

    def odds(self, words: Sequence[str], letters: str) -> tuple[float, int]:
        """The logarithm of the odds that a text, given as folded words and their letters, is an injection; and where.

        Of a long text, the stretch with the greatest sum counts. The more stretches there are, the likelier is one that
        looks bad by chance; so the odds are divided by the square of their number, which keeps manuals and source code
        apart.
        """
        stems = stems_of(words)
        by_stem = map(self._stems.get, stems, repeat(0.0))
        by_letter = map(self._letters.get, letters, repeat(0.0))
        by_pair = map(self._pairs.get, pairs_of(stems, letters), repeat(0.0))
        sums = list(accumulate(map(add, map(add, by_stem, by_letter), by_pair), initial=self._bias))
        if len(stems) <= STRETCH:
            return sums[-1], 0
        stretches = list(map(sub, sums[STRETCH:], sums))
        most = max(stretches)
        return self._bias + most - 2 * log(len(stems) / STRETCH), stretches.index(most)
