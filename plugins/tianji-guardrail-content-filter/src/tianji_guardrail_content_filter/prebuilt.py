"""The patterns that need no words of one's own, and the checks that tell a number from one that means something."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import Final

Check = Callable[[str], int]
"""How many characters of what an expression has hit are it; 0 if none."""

_LEFT, _RIGHT = "(?:^|[^0-9A-Za-z_])", "(?:$|[^0-9A-Za-z_])"
"""Letters of other scripts are no part of these, and may stand right beside them."""
_LETTER: Final = r"\p{Latin}\p{Greek}\p{Cyrillic}\pN"
_GAP: Final = r"[ \x{a0}-]?"


def _whole(expression: str) -> str:
    """Not as a part of a longer word or number."""
    return f"{_LEFT}(?P<hit>{expression}){_RIGHT}"


_NO_LINK: Final = r"\s<>\"'`{}|\\^\x{3000}-\x{3011}\x{ff00}-\x{ff1f}"
"""What is no part of an address, in Chinese too."""


PREBUILT: Final[dict[str, str]] = {
    "email": rf"(?P<hit>[{_LETTER}._%+'-]+@(?:[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?\.)+[{_LETTER}]{{2,}})",
    "phone": _whole(
        r"(?:(?:\+|\b00)[1-9]\d{0,2}[ .\-/\x{a0}]{0,2}(?:\(0?\d{1,4}\)|\d{1,5})(?:[ .\-/\x{a0}]{0,2}\d{1,5}){1,6}"
        r"|(?:1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}"
        r"|\(0\d{1,5}\)[ .\-/]?\d{2,5}(?:[ .\-/]?\d{2,5}){1,4}"
        r"|0\d{2,5}[ .\-/]\d{2,5}(?:[ .\-/]?\d{2,5}){1,4})"
    ),
    "us_phone": _whole(
        r"(?:\+?1[ .-]?)?(?:(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]?\d{4}|[2-9]\d{2}[2-9]\d{6})"
    ),
    "us_ssn": _whole(r"\d{3}[-– ]\d{2}[-– ]\d{4}"),
    "visa": _whole(rf"4\d{{3}}(?:{_GAP}\d{{4}}){{3}}"),
    "mastercard": _whole(rf"(?:5[1-5]\d{{2}}|2[2-7]\d{{2}})(?:{_GAP}\d{{4}}){{3}}"),
    "amex": _whole(rf"3[47]\d{{2}}{_GAP}\d{{6}}{_GAP}\d{{5}}"),
    "discover": _whole(rf"6(?:011|4[4-9]\d|5\d{{2}}|22\d)(?:{_GAP}\d{{4}}){{3}}"),
    "diners": _whole(rf"3(?:0[0-5]|[689]\d)\d{_GAP}\d{{6}}{_GAP}\d{{4}}"),
    "jcb": _whole(rf"35[2-8]\d(?:{_GAP}\d{{4}}){{3}}"),
    "unionpay": _whole(rf"62\d{{2}}(?:{_GAP}\d{{4}}){{3}}(?:{_GAP}\d{{1,3}})?"),
    "credit_card": _whole(rf"(?:[2-6]\d{{12,18}}|(?:[2-6]\d|97)\d\d(?:{_GAP}\d{{3,7}}){{2,4}})"),
    "iban": _whole(r"(?i:[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?)"),
    "ipv4": r"(?:^|[^0-9A-Za-z_.])(?P<hit>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))"
            r"(?:$|[^0-9A-Za-z_.]|\.(?:$|[^0-9]))",
    "ipv6": r"(?:^|[^0-9A-Za-z_:.])(?P<hit>(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?)"
            r"(?:$|[^0-9A-Za-z_:])",
    "mac_address": _whole(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"),
    "url": rf"(?P<hit>(?i:\b(?:https?|ftps?|wss?)://|\bwww\.[{_LETTER}])[^{_NO_LINK}]*[^{_NO_LINK}.,;:!?)\]])",
    "aws_access_key": _whole(r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),
    "aws_secret_key": r"(?:^|[^A-Za-z0-9/+])(?P<hit>[A-Za-z0-9/+]{40})(?:$|[^A-Za-z0-9/+=])",
    "github_token": r"\b(?P<hit>gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "gitlab_token": r"\b(?P<hit>gl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{20,})",
    "slack_token": r"\b(?P<hit>xox[a-z]-[0-9A-Za-z-]{10,})",
    "google_api_key": r"\b(?P<hit>AIza[0-9A-Za-z_-]{35})",
    "generic_api_key": r"\b(?P<hit>(?:sk|pk|rk|api|key|token)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{20,})",
    "jwt": r"\b(?P<hit>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})",
    "passport_us": _whole(r"[A-Z]\d{8}"),
    "br_cpf": _whole(r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}"),
    "es_nif": _whole(r"(?:\d{8}|[XYZ]\d{7})[ -]?[A-Z]"),
    "fr_nir": _whole(r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}"),
    "in_pan": _whole(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]"),
    "uk_nino": _whole(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"),
}  # fmt: skip
"""Name → RE2 expression. Where it has a group `hit`, that is the place; otherwise all of it is."""


_DOUBLED: Final = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}


def luhn(digits: str) -> bool:
    """By ISO/IEC 7812. One digit repeated is no card."""
    total = sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, digits[-2::-2]))
    return total % 10 == 0 and len(set(digits)) > 1


def _card(text: str) -> int:
    """The longest part from the start on that has 13 to 19 digits, ends where a group does, and a right check digit."""
    digits, right = "", 0
    for group in re.finditer(r"\d+", text):
        digits += group.group()
        if 13 <= len(digits) <= 19 and luhn(digits):
            right = group.end()
    return right


_IBAN_COUNTRIES: Final = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
"""By the registry of ISO 13616: https://www.swift.com/standards/data-standards/iban-international-bank-account-number"""
_IBAN_LENGTHS: Final = {country: size for size, countries in _IBAN_COUNTRIES.items() for country in countries.split()}


def _iban(text: str) -> int:
    """As many characters as its country has, with a right check sum: letters as numbers, the first four last.

    Modulo 97 that is 1."""
    length, compact = _IBAN_LENGTHS.get(text[:2].upper(), 0), ""
    for at, char in enumerate(text):
        compact += char if char.isalnum() else ""
        if length and len(compact) == length:
            number = int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4]))
            return at + 1 if number % 97 == 1 else 0
    return 0


def _ssn(text: str) -> int:
    """Numbers that were never given out are none: https://www.ssa.gov/employer/randomization.html"""
    area, group, serial = re.split(r"\D", text)
    real = area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
    return len(text) if real else 0


def _phone(text: str) -> int:
    """Eight to fifteen digits (ITU-T E.164), and no date."""
    digits = sum(map(str.isdigit, text))
    return len(text) if 8 <= digits <= 15 and not re.match(r"0?\d{3}[-./]\d\d[-./]\d\d$", text) else 0


def _ipv6(text: str) -> int:
    """An address, and not the `::` of a programming language or a time of day."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return 0
    return len(text) if any(map(str.isdigit, text)) else 0


def _aws_secret(text: str) -> int:
    """Forty characters that chance has chosen: no hash in hexadecimal, no path, no word."""
    kinds = (any(map(kind, text)) for kind in (str.islower, str.isupper, str.isdigit))
    return len(text) if all(kinds) and text.count("/") < 5 and len(set(text)) > 15 else 0


def _api_key(text: str) -> int:
    return len(text) if any(map(str.isdigit, text)) else 0


def _cpf(text: str) -> int:
    """Two check digits, modulo 11. One digit repeated is none."""
    digits = [int(char) for char in text if char.isdigit()]
    for size in (9, 10):
        rest = sum(digit * (size + 1 - at) for at, digit in enumerate(digits[:size])) * 10 % 11 % 10
        if rest != digits[size]:
            return 0
    return len(text) if len(set(digits)) > 1 else 0


def _nif(text: str) -> int:
    """The letter is the number modulo 23."""
    number = text[:-1].rstrip(" -").replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(text) if "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1] else 0


def _nir(text: str) -> int:
    """The last two digits are 97 less the rest modulo 97; Corsica's letters stand for 19 and 18."""
    compact = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return len(text) if compact.isdigit() and 97 - int(compact[:-2]) % 97 == int(compact[-2:]) else 0


CHECKS: Final[dict[str, Check]] = {
    **dict.fromkeys(("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "credit_card"), _card),
    "iban": _iban,
    "us_ssn": _ssn,
    "phone": _phone,
    "ipv6": _ipv6,
    "aws_secret_key": _aws_secret,
    "generic_api_key": _api_key,
    "br_cpf": _cpf,
    "es_nif": _nif,
    "fr_nir": _nir,
}
"""What a hit has to stand."""
