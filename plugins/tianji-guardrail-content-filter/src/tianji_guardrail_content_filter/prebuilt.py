"""The patterns that need no words of one's own, and the checks that tell a number from one that means something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PREBUILT: Final[dict[str, str]] = {
    "email": r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
    "us_phone": r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\b\d{3}[ .-]?)\d{3}[ .-]?\d{4}\b",
    "us_ssn": r"\b\d{3}-\d{2}-\d{4}\b",
    "visa": r"\b4\d{3}(?:[ -]?\d{4}){3}\b",
    "mastercard": r"\b(?:5[1-5]\d{2}|2[2-7]\d{2})(?:[ -]?\d{4}){3}\b",
    "amex": r"\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b",
    "discover": r"\b6(?:011|4[4-9]\d|5\d{2})(?:[ -]?\d{4}){3}\b",
    "credit_card": r"\b\d(?:[ -]?\d){12,18}\b",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "ipv4": r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b",
    "ipv6": r"\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b"
    r"|\b(?:[0-9A-Fa-f]{1,4}:){1,6}:(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5})?",
    "mac_address": r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    "url": r"\bhttps?://[^\s<>\"']*[^\s<>\"'.,;:!?)]",
    "aws_access_key": r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}\b",
    "github_token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})",
    "slack_token": r"\bxox[a-z]-[0-9A-Za-z-]{10,}",
    "generic_api_key": r"\b(?:sk|pk|rk|api|key|token)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{24,}",
    "passport_us": r"\b[A-Z]\d{8}\b",
}  # fmt: skip
"""Name → RE2 pattern."""


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def _iban(text: str) -> bool:
    """By ISO 13616: the letters as numbers, the first four characters last, modulo 97."""
    compact = text.replace(" ", "")
    return 15 <= len(compact) <= 34 and int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def _ssn(text: str) -> bool:
    """Numbers that were never given out are none: https://www.ssa.gov/employer/randomization.html"""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("visa", "mastercard", "amex", "discover", "credit_card"), _luhn),
    "iban": _iban,
    "us_ssn": _ssn,
}
"""What a hit has to stand."""
