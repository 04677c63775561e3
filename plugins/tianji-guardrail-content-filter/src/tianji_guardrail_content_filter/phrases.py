"""Words and phrases as expressions: whole words, in any case, however they are spaced and composed.

Each expression has the words that were hit as its group `hit`, and what of them is listed as its group `listed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Final
from unicodedata import normalize

import re2

_GAP: Final = r"[\s\pZ\x{200b}-\x{200d}\x{2060}\x{feff}]+"
"""Between two words: white space of any kind, also that which is not seen."""
_LEFT: Final = r"(?:^|[^\pL\pN_])"
_RIGHT: Final = r"(?:$|[^\pL\pN_])"
_FORMS: Final = r"(?:['’]?s|es|d|ed|n|ing)?"
"""Ends that the last word of a phrase may have."""
_OTHERS: Final = r"(?:[^\pL\pN]+[\pL\pN'’]+)"
"""One more word in between."""
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
"""Letters of scripts that put no space between words, or none before particles: Thai, Khmer, Chinese, Korean, …"""
_MOST_WORDS: Final = 4


def plain(text: str) -> str:
    """What two spellings of one phrase have in common."""
    return " ".join(re.split(r"[\s\u200b-\u200d\u2060\ufeff]+", normalize("NFC", text).casefold())).strip()


def whole(texts: Iterable[str], inflected: bool = False) -> Iterator[str]:
    """Expressions for all of these at once, longer ones before shorter ones. With `inflected` the last word of a phrase
    may have an ending: `attack plan` is in `attack plans`."""
    sides: dict[tuple[str, str, str], list[str]] = {}
    for text in sorted(texts, key=len, reverse=True):
        left = "" if _UNSPACED.match(text) else _LEFT
        forms, right = "", ""
        if not _UNSPACED.match(text[-1]):
            forms, right = _FORMS if inflected and len(text.split()) > 1 else "", _RIGHT
        sides.setdefault((left, forms, right), []).append(text)
    for (left, forms, right), those in sides.items():
        any_of = "|".join(spelled for text in those for spelled in _spellings(text))
        yield f"(?i){left}(?P<hit>(?P<listed>{any_of}){forms}){right}"


def fuzzy(text: str) -> str:
    """The words in this order, in any of their forms, with up to two others between them: `plan attack` is in `planning
    attacks` and in `plan an attack`."""
    forms = (_escaped(_stem(word)) + r"\pL{0,5}" for word in text.split())
    return f"(?i){_LEFT}(?P<hit>(?P<listed>{_between(2).join(forms)})){_RIGHT}"


def near(text: str, distance: int) -> str:
    """The words in any order, with up to `distance` others between each two. Raises ValueError for more than four."""
    words = text.split()
    if len(words) > _MOST_WORDS:
        raise ValueError(f"a phrase that is found by proximity has at most {_MOST_WORDS} words")
    orders = (_between(distance).join(map(_escaped, order)) for order in permutations(words))
    return f"(?i){_LEFT}(?P<hit>(?P<listed>{'|'.join(orders)})){_RIGHT}"


def _between(others: int) -> str:
    return f"{_OTHERS}{{0,{others}}}?" + r"[^\pL\pN]+"


def _spellings(text: str) -> Iterator[str]:
    for form in sorted({normalize("NFC", text), normalize("NFD", text)}):
        yield _GAP.join(map(_escaped, form.split()))


def _escaped(word: str) -> str:
    return str(re2.escape(word))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "ey" else word
