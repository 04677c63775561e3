"""Names with stars in them, as policies write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

STAR = "*"
_IS_EXPRESSION = re.compile(r"[\\^$+?()\[\]{}|]|\.\*")
"""What no name of a model has, and a regular expression does; a dot alone is in many names."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that names are compared with, whole and in their case; a star stands for any text, also for none."""

    text: str
    _pieces: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """What stands between the stars; nothing if there are none."""
    _expression: re.Pattern[str] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, text: str, *, expressions: bool = False) -> Pattern:
        """`expressions`: a text that looks like a regular expression is one. Raises re.error for one that is wrong."""
        if expressions and _IS_EXPRESSION.search(text):
            return cls(text, (), re.compile(text, re.DOTALL))
        return cls(text, tuple(text.split(STAR)) if STAR in text else ())

    @property
    def is_exact(self) -> bool:
        """Whether it stands for one name only."""
        return not self._pieces and self._expression is None

    def fits(self, name: str) -> bool:
        if name == self.text:
            return True
        if self._expression is not None:
            return self._expression.fullmatch(name) is not None
        return bool(self._pieces) and self._fits_pieces(name)

    def _fits_pieces(self, name: str) -> bool:
        """In one go, for callers choose what is compared here: an expression with several stars could be made slow."""
        first, *middle, last = self._pieces
        end = len(name) - len(last)
        at = len(first)
        if at > end or not name.startswith(first) or not name.endswith(last):
            return False
        for piece in middle:
            found = name.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


@dataclass(frozen=True, slots=True)
class Patterns:
    """Several of them: one is enough."""

    all: tuple[Pattern, ...]

    @classmethod
    def of(cls, texts: Iterable[str], *, expressions: bool = False) -> Patterns | None:
        """None for no texts: then nothing is asked for."""
        made = tuple(Pattern.of(text, expressions=expressions) for text in texts)
        return cls(made) if made else None

    def find(self, names: Iterable[str]) -> Pattern | None:
        """The first pattern that one of these names fits."""
        return next((pattern for name in names for pattern in self.all if pattern.fits(name)), None)

    def fit(self, names: Iterable[str]) -> bool:
        """Whether one of these names fits. A lone star is fitted by no name at all, too."""
        return self.find(names) is not None or any(pattern.text == STAR for pattern in self.all)

    def __str__(self) -> str:
        return ", ".join(pattern.text for pattern in self.all)


def by_weight(text: str) -> tuple[int, int, str]:
    """What to sort patterns by, so that the one that says the most comes first: an exact name, then literal text."""
    return (STAR in text, -len(text.replace(STAR, "")), text)
