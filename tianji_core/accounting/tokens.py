"""Tokens of texts: counted with the model's vocabulary where the extra `tokens` is installed, else estimated.

Slow, and for a thread: the tokenizer holds the interpreter's lock while it works, so it is given a page at a time, and
the event loop gets its turn after each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from tianji_core.accounting.families import NEAREST, OPENAI, vocabulary_of

if TYPE_CHECKING:
    from splintr import AnyTokenizer

PAGE = 4000
"""Characters for the tokenizer at once: a millisecond or so, five for the worst of texts."""
MOST = 200_000
"""Characters of one call that are really counted; what is beyond is taken to be like what was counted."""


def count_texts(texts: Sequence[str], model: str) -> tuple[int, bool]:
    """The tokens of all texts together, and whether the model's own vocabulary has counted every one of them."""
    own = vocabulary_of(model)
    tokenizer = _tokenizer(own or NEAREST)
    if tokenizer is None:
        return estimate_texts(texts), False
    tokens = seen = 0
    for text in texts:
        for page in _pages(text[: MOST - seen]):
            tokens += len(tokenizer.encode_ordinary(page))
        seen += min(len(text), MOST - seen)
    everything = sum(map(len, texts))
    if everything > seen:
        return round(tokens * everything / seen), False
    return tokens, own is not None


def tokenizer_of(model: str) -> str:
    """Whose tokenizer `count_texts` takes for a model, in the reference's words."""
    vocabulary = vocabulary_of(model) or NEAREST
    if _tokenizer(vocabulary) is None:
        return "rule_of_thumb"
    return "openai_tokenizer" if vocabulary in OPENAI else "huggingface_tokenizer"


def estimate_texts(texts: Sequence[str]) -> int:
    """A rule of thumb for all texts together: a token is four letters of ASCII, two of Cyrillic or Greek, a little more
    than one of Chinese or Japanese."""
    letters = sum(map(len, texts))
    # UTF-8 spends further bytes on what vocabularies spend further tokens on.
    further = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) - letters
    return -(-(letters * 10 + further * 12) // 40)


def _pages(text: str) -> Iterator[str]:
    """The text in pieces, cut before a space where there is one: vocabularies have words with the space before."""
    start, end = 0, len(text)
    while end - start > PAGE:
        cut = text.rfind(" ", start + 1, start + PAGE)
        cut = cut if cut > 0 else start + PAGE
        yield text[start:cut]
        start = cut
    if start < end:
        yield text[start:]


@cache
def _tokenizer(vocabulary: str) -> AnyTokenizer | None:
    """The tokenizer with a vocabulary, loaded once (some hundredths of a second); None where the extra is missing."""
    try:
        from splintr import Tokenizer

        return Tokenizer.from_pretrained(vocabulary)
    except (ImportError, ValueError):  # not installed, or one that does not know the vocabulary
        return None
