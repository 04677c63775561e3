"""What a text hides in another coding: base64, hexadecimal or binary numbers, rot13, backwards, Unicode's tag
characters, or cut into quoted pieces.

Each function is linear in the length of the text.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Collection, Iterable, Iterator

from tianji_guardrail_prompt_injection.fold import fold
from tianji_guardrail_prompt_injection.words import CODES

LONG = 20
"""Characters from which on a word may be something else: base64, or words written together."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_HEX = re.compile(r"[2-7][0-9a-fA-F](?:[ :,]?(?:0x|\\x)?[2-7][0-9a-fA-F]){9,}")
_BINARY = re.compile(r"0[01]{7}(?:[ ,]?0[01]{7}){9,}")
"""Ten printable ASCII characters or more, as numbers."""
_MARKS = re.compile(r"0x|\\x|[ :,]")
_TAGS = re.compile("[\U000e0020-\U000e007e]{2,}")
"""Unicode's tag characters: invisible copies of ASCII, which models can read."""
_QUOTED = re.compile(r"""(['"])(?<!\w.)([^'"\n]{1,80})\1""")
_TELLING = 5
"""Letters from which on a known word, turned round or rotated, is hardly ever a word of its own."""


def _respelled(words: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(word) for word in words)


_LONG_WORDS = [word for word in CODES if len(word) >= _TELLING and word.isascii() and word.isalpha()]
_ROTATED = _respelled(codecs.encode(word, "rot13") for word in _LONG_WORDS) - CODES.keys()
_TURNED = _respelled(word[::-1] for word in _LONG_WORDS) - CODES.keys()
_ODD = _ROTATED | _TURNED


def whole(text: str, words: Collection[str]) -> Iterator[tuple[str, str]]:
    """The coding and the plain text, if the text as a whole (`words` are its folded ones) seems rotated or turned."""
    if not _ODD.isdisjoint(words):
        if not _ROTATED.isdisjoint(words):
            yield "rot13", codecs.encode(text, "rot13")
        if not _TURNED.isdisjoint(words):
            yield "reversed", text[::-1]


def parts(text: str) -> Iterator[tuple[str, str]]:
    """The coding and the plain text of every part that is coded."""
    if not text.isascii() and (invisible := tagged(text)):
        yield "tag characters", invisible
    if len(text) < LONG:
        return
    if long := [word for word in text.split() if len(word) >= LONG]:
        pieces = [piece for word in long for piece in _BASE64.findall(word)]
        for piece in {"".join(pieces), *pieces} if len(pieces) > 1 else pieces:
            if decoded := _from_base64(piece):
                yield "base64", decoded
    for match in _HEX.finditer(text):
        yield "hexadecimal", bytes.fromhex(_MARKS.sub("", match[0])).decode("ascii")
    for match in _BINARY.finditer(text):
        bits = _MARKS.sub("", match[0])
        yield "binary", "".join(chr(int(bits[at : at + 8], 2)) for at in range(0, len(bits), 8))


def tagged(text: str) -> str:
    """What is written in tag characters, as plain ASCII; "" if nothing is."""
    return " ".join("".join(chr(ord(tag) - 0xE0000) for tag in run) for run in _TAGS.findall(text))


def quoted(text: str) -> list[str]:
    """The quoted pieces of a text, put together without and with spaces; none if there are not several."""
    pieces = [piece for _, piece in _QUOTED.findall(text)]
    return ["".join(pieces), " ".join(pieces)] if len(pieces) > 1 else []


def _from_base64(piece: str) -> str:
    """The text in a piece of base64 (either alphabet, padding or not); "" if there is none."""
    piece = piece.replace("-", "+").replace("_", "/")
    if len(piece) % 4 == 1:
        piece = piece[:-1]
    try:
        text = binascii.a2b_base64(piece + "=" * (-len(piece) % 4)).decode()
    except ValueError:  # no base64, or no text in it
        return ""
    return text if " " in text or len(text) >= LONG else ""
