"""Text that must not be shown: which keys hold it, and a `str` whose repr hides it."""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:api_?key|key|keys|secret|secrets|password|passwd|passphrase|pwd|pass|token|authorization|auth_value"
    r"|credential|credentials|salt|cert_data|private_key_id|dsn|cookie|webhook)(?:$|[_\-.]\d+$)"
    r"|^environment_variables$|^(?:extra_)?headers$|_headers$|^credential_values$|(?:database|redis|webhook|direct)_url$|authorization|secret",
    re.IGNORECASE,
)

# Keys of well-known vendors, and passwords in URLs, wherever they stand.
_SECRET_TEXT = re.compile(
    r"sk-|sk_|pk-lf-|Bearer |Basic |AKIA|ASIA|AIza|gh[pousr]_|github_pat_|xox[a-z]-|hf_|gsk_|glpat-|-----BEGIN"
    r"|[a-z][a-z0-9+.\-]*://[^/@\s]*:[^/@\s]+@"
)
_HARMLESS_TEXT = re.compile(r"[A-Za-z][A-Za-z _\-]{0,15}|[+\-]?[0-9][0-9.,_]{0,9} ?[A-Za-z%]{0,7}")


class Secret(str):
    """Plain text to the code that uses it; `***` in every repr, so in logs, tracebacks and model dumps by eye."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


def looks_secret(key: object) -> bool:
    """Whether a key's value, going by its name, must not be shown."""
    return isinstance(key, str) and _SECRET_KEY.search(key) is not None


def conceal(value: Any, *, hidden: bool = False) -> Any:
    """The same data with every text under a secret-looking key made a `Secret`, and text that is one by its looks."""
    if isinstance(value, dict):
        return {key: conceal(item, hidden=hidden or looks_secret(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [conceal(item, hidden=hidden) for item in value]
    if isinstance(value, str) and (hidden or _SECRET_TEXT.match(value)):
        return Secret(value)
    return value


def veil(value: Any) -> Any:
    """Plain data for showing: what `conceal` finds is replaced."""
    if isinstance(value, dict):
        return {key: veil(item) for key, item in value.items()}
    if isinstance(value, list):
        return [veil(item) for item in value]
    return HIDDEN if isinstance(value, Secret) else value


def describe(value: Any, *, hidden: bool) -> str:
    """A value for a message: its kind, and itself only where it is short and cannot be a secret."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"a number ({HIDDEN})" if hidden else f"{value:g}" if abs(value) < 1e9 else "a large number"
    if isinstance(value, str):
        if hidden or isinstance(value, Secret):
            return f"text ({HIDDEN})"
        return f'"{value}"' if _HARMLESS_TEXT.fullmatch(value) else "other text" if value else "empty text"
    return f"an object of type {type(value).__name__}"


def harmless(value: Any) -> Any:
    """Plain data for showing where only a plugin knows which texts are secrets: words and numbers, no other text."""
    if isinstance(value, dict):
        return {key: harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [harmless(item) for item in value]
    if isinstance(value, str) and (isinstance(value, Secret) or not _HARMLESS_TEXT.fullmatch(value)):
        return HIDDEN
    return value
