"""Recognizers for what Presidio's own miss without a language model, in the form of its `ad_hoc_recognizers`.

An analyzer service takes them as well as the engine in this process. The patterns are for the `regex` module, in which
Presidio runs them: case is ignored but within `(?-i:…)`, and a look-behind may be of any length. All repetition is
bounded, so that each takes linear time.
"""

from __future__ import annotations

from typing import Any

_SURE, _LIKELY = 0.7, 0.5
"""Scores: of a form that little else has, and of one that needs what stands around it."""

_IBAN_LENGTHS = {
    11: "NO", 12: "BE", 14: "DK FI FO GL NL", 15: "MK SI", 16: "AT BA EE KZ LT LU XK", 17: "CH CR HR LI LV",
    18: "BG BH DE GB GE IE ME RS VA", 19: "AE GI IL IQ TL", 20: "AD CZ ES MD PK RO SA SE SK TN VG", 21: "LY PT ST",
    22: "IS TR", 23: "BI DJ FR GR IT MC MR SM", 24: "AL AZ BY CY DO GT HU LB NI PL SD SV", 25: "BR EG PS QA UA",
    26: "JO KW MU OM YE", 27: "MT SC", 28: "LC",
}  # fmt: skip
"""Countries by how many signs follow their check digits (SWIFT's IBAN registry)."""

_PHONE_WORDS = (
    "tel|telf|tlf|telefono?|tel[ée]phone|tel[ée]fono|telefone|telefoon|phone|mobile?|m[óo]vil|portable|handy|cell"
    "|cellulare|cellphone|celular|kom[óo]rk[aę]|fax|whatsapp|signal|sms|call|ring|text|dial|bel|appele[rz]|ll[aá]ma"
    "|hotline|rufnummer|телефон|тел"
)
"""Words that announce a phone number, in the languages that are written about it most."""
_PHONE_SIGNS = "電話番号|電話|携帯|电话|手机|전화"
"""The same of languages that put no spaces between words."""

_PASSPORT_WORDS = "passports?|passport id|reisepass|passeport|pasaporte|passaporto"
_LICENCE_WORDS = r"driver(?:'?s)? licen[cs]e|driving licen[cs]e|licen[cs]e id"
_ACCOUNT_WORDS = r"(?:bank |checking |savings |bank_)?account|acct"
_SSN_WORDS = "ssn|social security|social_security"


def _after(words: str) -> str:
    """That one of these words stands before: on the same line, with a `number` or an `is` between at most."""
    between = r"s?(?:[ _-]?(?:numbers?|num|no|nr|id|is|at|me|us|on|op|le|es|è|ist)\b){0,2}[^\w\n]{1,6}"
    return rf"(?<=\b(?:{words}){between})"


def _iban(length: int, countries: str) -> str:
    return rf"(?:{countries.replace(' ', '|')})\d\d(?:[ \u00a0-]?[A-Z0-9]){{{length}}}"


_NO_DATE = r"(?!0\d[./-]{1,2}\d\d[./-](?:\d\d[./-])?(?:19|20)\d\d(?!\d))"
_NO_ZIP = r"(?!\d{5}-\d{4}(?!\d))"
_MASTERCARD_2 = r"(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)"

_RECOGNIZERS: dict[str, dict[str, tuple[str, float]]] = {
    # Presidio asks the list of public suffixes, which knows no `.internal`, `.corp` or `.example`.
    "EMAIL_ADDRESS": {
        "any host": (r"(?<![\w.+%'-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}(?!\d)[\w-]{2,63}(?![\w-])", _LIKELY),
    },
    # Presidio knows the numbers of eight regions; these go by how numbers are written.
    "PHONE_NUMBER": {
        "international": (r"(?<![\w+])\+[1-9](?:[ \u00a0().\-/]{0,3}\d){6,14}(?!\d)", _SURE),
        "international, 00": (r"(?<![\w.+-]|\d,)00[1-9]\d?(?:[ \u00a0().\-/]{1,3}\d{1,9}){2,6}(?!\d)", _LIKELY),
        "national": (
            # Nine digits and more: what is shorter may be a date.
            r"(?<![\w.:+/-]|\d,)" + _NO_DATE + _NO_ZIP + r"(?=\(?0(?:[ \u00a0().\-/]{0,3}\d){8,11}(?!\d))"
            r"\(?0\d{1,5}\)?(?:[ \u00a0.\-/]{1,3}\d{2,8}){1,4}(?!\w|[.,:/-]\d)",
            _LIKELY,
        ),
        "North American": (
            r"(?<![\w.+-]|\d,)(?:1[ .-])?(?:\([2-9]\d\d\)[ \u00a0]?[2-9]\d\d[ \u00a0.-]"
            r"|[2-9]\d\d(?:[ \u00a0-][2-9]\d\d[ \u00a0-]|\.[2-9]\d\d\.))\d{4}(?!\w|[.,:/-]\d)",
            _LIKELY,
        ),
        "in brackets": (
            r"(?<![\w.+-]|\d,)\([1-9]\d{1,3}\)[ \u00a0]?\d{3,5}[ \u00a0.-]\d{3,5}(?!\w|[.,:/-]\d)", _LIKELY
        ),
        "Russian": (r"(?<![\w.+-]|\d,)8[ \u00a0-]?\(\d{3,4}\)[ \u00a0]?\d{2,3}(?:[ \u00a0-]\d\d){2}(?!\w)", _LIKELY),
        "announced": (_after(_PHONE_WORDS) + r"\(?\d(?:[ \u00a0().\-/]{0,2}\d){6,12}(?!\d|[.,]\d)", _LIKELY),
        "announced by signs": (
            rf"(?<=(?:{_PHONE_SIGNS})[^\d\n]{{0,4}})\(?\d(?:[ \u00a0().\-/]{{0,2}}\d){{6,12}}(?!\d)", _LIKELY
        ),
    },
    # By the length that its country has. Presidio takes some forms only, but tells by the check digits.
    "IBAN_CODE": {
        "by country": (
            r"\b(?-i:" + "|".join(_iban(length, names) for length, names in _IBAN_LENGTHS.items()) + r")(?![\w])", _SURE
        ),
    },
    # Presidio has no cards that begin with 2, and no other gaps than one space or hyphen.
    "CREDIT_CARD": {
        "Mastercard 2": (r"(?<![\w-])" + _MASTERCARD_2 + r"([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])", _SURE),
        "Mastercard 2, no gaps": (r"(?<![\w.-])" + _MASTERCARD_2 + r"\d{12}(?![\w.-])", _LIKELY),
        "other gaps": (r"(?<![\w.])[3-6]\d{3}([.\u00a0\u202f]|  )\d{4}\1\d{4}\1\d{4}(?![\w.])", _LIKELY),
    },
    "US_SSN": {"announced": (_after(_SSN_WORDS) + r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}\b", _LIKELY)},
    "US_PASSPORT": {"announced": (_after(_PASSPORT_WORDS) + r"[A-Z]?\d{8,9}\b", _LIKELY)},
    "US_DRIVER_LICENSE": {"announced": (_after(_LICENCE_WORDS) + r"[A-Z]{0,2}\d{5,14}\b", _SURE)},
    "US_BANK_NUMBER": {"announced": (_after(_ACCOUNT_WORDS) + r"\d{8,17}\b", _LIKELY)},
    "UK_NINO": {
        "by form": (r"\b(?-i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])(?: ?\d\d){3} ?(?-i:[A-D])\b", _SURE),
    },
    "ES_NIF": {"by form": (r"(?<![\w-])\d{8}-?(?-i:[A-HJ-NP-TV-Z])\b", _LIKELY)},
    "ES_NIE": {"by form": (r"\b(?-i:[XYZ])-?\d{7}-?(?-i:[A-HJ-NP-TV-Z])\b", _LIKELY)},
    "IT_FISCAL_CODE": {"by form": (r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b", _SURE)},
    "IN_PAN": {"by form": (r"\b(?-i:[A-Z]{3}[ABCFGHJLPT][A-Z])\d{4}(?-i:[A-Z])\b", _LIKELY)},
    # Presidio knows Bitcoin.
    "CRYPTO": {"Ethereum": (r"\b0x[0-9a-f]{40}\b", _SURE)},
    # Presidio takes the name of a host with a public suffix, and no other.
    "URL": {"with a scheme": (r"\bhttps?://[^\s<>\"'`\\|]{1,1000}(?<![.,;:!?)\]}])", _SURE)},
}  # fmt: skip


def recognizers(language: str) -> list[dict[str, Any]]:
    """All of them for one language: Presidio runs no recognizer of another one."""
    return [
        {
            "name": f"Tianji {entity}",
            "supported_entity": entity,
            "supported_language": language,
            "patterns": [
                {"name": name, "regex": pattern, "score": score} for name, (pattern, score) in patterns.items()
            ],
        }
        for entity, patterns in _RECOGNIZERS.items()
    ]
