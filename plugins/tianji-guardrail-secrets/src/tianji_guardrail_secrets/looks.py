"""What tells a credential from a word, a name or a gap to be filled in."""

from __future__ import annotations

import re
from typing import Final

_GAP: Final = re.compile(r"[$%<{\[(*.]|x{4,}$|x{3,}-|your[_-]?|my[_-]?(?:api|secret|token|key|pass)|enter[_-]", re.I)
"""How gaps begin: `$KEY`, `${KEY}`, `<key>`, `{{ key }}`, `****`, `xxxx`, `your-key`."""
_WORDS: Final = frozenset(
    ("true", "false", "none", "null", "undefined", "string", "integer", "number", "password", "passwort", "secret",
     "token", "apikey", "required", "optional", "redacted", "hidden", "changeme", "placeholder", "example")
)  # fmt: skip
_PATH: Final = re.compile(r"(?:\.{0,2}|~)/|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
"""Paths of files, and `settings.api_key2`."""
_NAME: Final = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*[_-]?v?\d{1,2}$")
"""Names with a number at their end: `secret_key_2`, `token-v2`."""
_LABEL: Final = re.compile(r"[A-Z]*[a-z]{2,}(?:[A-Z]+[a-z]{2,})*$|[A-Za-z]+(?:[_-][A-Za-z]+)+$|[A-Z]+$")
"""Words, names in camelCase and in snake_case."""
_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def mixed(text: str) -> bool:
    """Digits and letters: what is made up by a machine has both."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def is_gap(text: str) -> bool:
    """Something in place of a credential: `${KEY}`, `<password>`, `****`, `changeme`."""
    return bool(_GAP.match(text)) or text.lower() in _WORDS or len(set(text)) < 3


def is_quoted_secret(text: str) -> bool:
    """A quoted value that a password or key is set to, and that is no label or name."""
    return not is_gap(text) and not _LABEL.match(text) and not _PATH.match(text)


def is_bare_secret(text: str) -> bool:
    """The same without quotes, where it may as well be code or prose: then it has to look made up."""
    if is_gap(text) or not mixed(text) or sum(map(str.isdigit, text)) < 2:
        return False
    return not (_PATH.match(text) or _NAME.match(text) or _CONSTANT.match(text) or _DATE.match(text))


def is_url_password(text: str) -> bool:
    """The password in an address. Short words count; gaps do not."""
    return not is_gap(text)


def is_aws_secret(text: str) -> bool:
    """Forty characters of base64 are one if they have what chance gives them: no hash in hexadecimal, no word."""
    return mixed(text) and not text.islower() and not text.isupper()
