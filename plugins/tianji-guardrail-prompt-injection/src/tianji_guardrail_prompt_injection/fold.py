"""Folding: one plain spelling for what looks the same to a model.

`fold` lower-cases, undoes compatibility forms (fullwidth, mathematical letters), accents, look-alike letters of other
scripts, invisible characters, escapes (\\u0061, %61, &#97;) and the usual digits for letters (1gn0re), and turns
punctuation into spaces. `l` and `1` both become `i`, for that is where they meet. Linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "l": "i"}
_APOSTROPHES = "'`´‘’ʼ′"
_LOOKALIKES = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "ғ": "f", "һ": "h", "н": "h", "і": "i", "ї": "i",
    "ј": "j", "к": "k", "ӏ": "i", "м": "m", "п": "n", "о": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t",
    "υ": "u", "ѵ": "v", "ԝ": "w", "х": "x", "у": "y", "з": "e", "α": "a", "β": "b", "ϲ": "c", "δ": "d", "ε": "e",
    "γ": "y", "η": "n", "ι": "i", "κ": "k", "μ": "m", "ν": "v", "ο": "o", "ρ": "p", "σ": "o", "τ": "t", "χ": "x",
    "ω": "w", "ł": "i", "ø": "o", "đ": "d", "ħ": "h", "ŋ": "n", "æ": "ae", "œ": "oe", "ß": "ss", "ɡ": "g",
    "ɩ": "i", "ɑ": "a", "ɛ": "e", "ɪ": "i", "ʀ": "r", "ɴ": "n", "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e",
    "ɢ": "g", "ʜ": "h", "ᴊ": "j", "ᴋ": "k", "ʟ": "i", "ᴍ": "m", "ᴏ": "o", "ᴘ": "p", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u",
    "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "օ": "o", "ս": "u", "ո": "n", "հ": "h", "ց": "g", "Ꭵ": "i", "ꓲ": "i",
}  # fmt: skip
_INVISIBLE = (
    *range(0x0300, 0x0370), 0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, *range(0x200B, 0x2010),
    *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x20E3, *range(0xFE00, 0xFE10), 0xFEFF, *range(0xE0000, 0xE0080),
    *range(0xE0100, 0xE01F0),
)  # fmt: skip


def _ascii_table() -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    for code in range(128):
        char = chr(code).lower()
        table[code] = _LEET.get(char, char if char.isalnum() else " ")
    table.update(dict.fromkeys(map(ord, "'`"), None))
    return table


_ASCII = _ascii_table()


def _unicode_table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict(_ASCII)
    for code in range(0x80, 0x3100):  # punctuation of the scripts in daily use
        if unicodedata.category(chr(code))[0] in "PSZ":
            table[code] = " "
    for char, plain in _LOOKALIKES.items():
        table[ord(char)] = plain
        if len(char.upper()) == 1:
            table[ord(char.upper())] = plain
    table.update(zip(map(ord, "ΗΝΜΥΡΧΒΖ"), "hnmypxbz", strict=True))  # capitals that look like other letters
    table.update(dict.fromkeys(map(ord, _APOSTROPHES), None))
    table.update(dict.fromkeys(_INVISIBLE, None))
    return table


_UNICODE = _unicode_table()
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_ESCAPES = {f"\\{letter}": " " for letter in 'nrt"'}
_UNSPACED = "\u3041-\u3096\u30a1-\u30fa\u3400-\u9fff"
"""The characters of scripts without spaces: kana and Chinese."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_ENTITY = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,5})|([0-9]{1,6}));?")


def fold(text: str) -> str:
    """The text in its plain spelling, words parted by spaces."""
    if "\\" in text:
        text = _unescape(text)
    if "%" in text:
        text = unquote(text)
    if "&#" in text:
        text = _ENTITY.sub(lambda match: chr(int(match[1], 16) if match[1] else int(match[2])), text)
    if text.isascii():
        return text.translate(_ASCII)
    text = text.replace("\ufdfa", " ")  # one character that would become 18
    return unicodedata.normalize("NFKD", text).translate(_UNICODE).lower()


def words_of(folded: str) -> list[str]:
    """The words of a folded text; in scripts that write no spaces, each character is one."""
    return folded.split() if folded.isascii() else _WORD.findall(folded)


def _unescape(text: str) -> str:
    """JSON inside a string (most tool results): its escapes undone, line ends and quotes as spaces."""
    for escape, plain in _ESCAPES.items():
        text = text.replace(escape, plain)
    return _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
