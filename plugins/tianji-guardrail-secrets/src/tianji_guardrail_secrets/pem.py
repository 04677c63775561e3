"""Private keys, with all their lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tianji_guardrail_secrets.rule import compiled

BEGIN: Final = (
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----|PuTTY-User-Key-File-\d:"
)
"""PEM (RFC 7468), OpenPGP (RFC 9580), SSH2 (RFC 4716), PuTTY."""
_MARKS: Final = compiled(
    f"({BEGIN})|-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r"|---- END SSH2 (?:ENCRYPTED )?PRIVATE KEY ----|Private-MAC: ?[0-9a-f]+"
)
_BETWEEN: Final = r"(?:[\s\"'+,|>]|\\[nrt\"])*"
"""Between two lines: breaks, in JSON escaped ones, quotes where each line is a string."""
_BODY: Final = compiled(
    rf"(?:{_BETWEEN}(?:(?:Proc-Type|DEK-Info|Comment|Version|Hash|Encryption|Key-Derivation|Argon2-[A-Za-z]+"
    rf"|(?:Public|Private)-Lines|Subject):[^\n\\]*|=?[A-Za-z0-9+/]{{24,}}={{0,2}}|[A-Za-z0-9+/]+={{1,2}}))+"
)
"""What belongs to a key that has no end: headers and long lines of base64."""
_SECRET: Final = compiled(r"[A-Za-z0-9+/]{16}")
_LONGEST: Final = 1 << 16
"""Bytes that are taken for one key; a key of RSA with 16,384 bits has 13,000."""


def private_keys(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the keys are. One that breaks off goes as far as its lines do. A mark alone, without a key, is none.

    Linear: all marks are found in one pass, and what is read after each of them ends at the next.
    """
    marks = [(*match.span(), match.span(1)[0] >= 0) for match in _MARKS.finditer(data)]
    for index, (start, end, begins) in enumerate(marks):
        if not begins:
            continue
        after = marks[index + 1] if index + 1 < len(marks) else (len(data), len(data), True)
        whole = not after[2] and after[0] - end <= _LONGEST
        if whole:
            until, secret = after[1], _SECRET.search(data, end, after[0])
        else:
            body = _BODY.match(data, end, min(after[0], end + _LONGEST))
            until = body.end() if body else end
            secret = _SECRET.search(data, end, until)
        if secret:
            yield start, until
