"""Secrets stay out of logs: those that the config and the environment hold, and whatever looks like one.

It is done to the finished line, so that nothing can be forgotten: fields, messages, tracebacks, lines of libraries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from tianji_core.config.secrets import HIDDEN, Secret, conceal, looks_secret

SHORTEST = 8
"""Characters of the shortest secret that is looked for: shorter ones would blot out words."""
MOST = 20_000
_WORDS = re.compile(r"[A-Za-z][A-Za-z _\-.]{0,23}|[0-9.]{1,11}")
"""What stands under names of secrets and is none: a level, a mode, a number."""
_LOOKS = re.compile(
    r"""(?x)
      (?<![A-Za-z0-9]) (?: sk-[A-Za-z0-9_\-]{6,} | pk-lf-[A-Za-z0-9\-]{8,} | AIza[A-Za-z0-9_\-]{20,}
        | (?:AKIA|ASIA)[A-Z0-9]{12,} | gh[pousr]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,} | hf_[A-Za-z0-9]{16,}
        | gsk_[A-Za-z0-9]{16,} | glpat-[A-Za-z0-9_\-]{16,} | xox[a-z]-[A-Za-z0-9\-]{8,}
        | eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]* )
    | (?i: (?<=bearer[ ]) | (?<=basic[ ]) ) [A-Za-z0-9._~+/\-]{8,}=*
    | (?<=://) [^/@\s:"']* : [^/@\s"']+ (?=@)
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|$)
    """,
    re.DOTALL,
)
_NAMED = re.compile(
    r"(?i)\b(api[_\-]?key|authorization|client[_\-]?secret|password|passwd|secret[_\-]?(?:access[_\-]?)?key"
    r"|(?:access|auth|id|refresh|session)[_\-]?token|x-api-key)"
    r"""(["']?\s*(?:=>?|:)\s*["']?)((?:bearer|basic)\s+)?([^\s"',;&)}\]]{6,})"""
)


class Redactor:
    """Knows the secrets of a process. Learning more is cheap; a line costs a search for each secret that is known."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    def learn(self, secrets: Iterable[str]) -> None:
        """Keep these out from now on, also where they are written in JSON or a URL. Short ones, and words, are left."""
        for secret in secrets:
            if len(secret) < SHORTEST or _WORDS.fullmatch(secret):
                continue
            for written in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
                if len(self._known) < MOST:
                    self._known[str(written)] = None

    def clean(self, text: str) -> str:
        """The text, with `***` for each secret in it."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        text = _LOOKS.sub(HIDDEN, text)
        return _NAMED.sub(rf"\1\2{HIDDEN}", text)


REDACTOR = Redactor()
"""That of this process's logs."""


def secrets_in(data: Any) -> list[str]:
    """The texts of plain data that are secrets, by the names they stand under or by their looks."""
    found: list[str] = []
    _collect(conceal(data), found)
    return found


def secrets_of_environ(environ: Mapping[str, str]) -> list[str]:
    """The values of variables whose names say that they are secret; not paths, as of PWD and files of keys."""
    return [value for name, value in environ.items() if looks_secret(name) and not value.startswith(("/", "."))]


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, dict):
        for each in value.values():
            _collect(each, found)
    elif isinstance(value, list | tuple):
        for each in value:
            _collect(each, found)
    elif isinstance(value, Secret):
        found.append(str(value))
