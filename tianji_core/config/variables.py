"""The variables a config sees: the process environment, a `.env` file beside the config, `environment_variables:`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tianji_core.config.interpolate import Interpolator

# A config must not decide which code this process, or one it starts, loads.
_REFUSED = re.compile(
    r"PATH|PYTHON(?!UNBUFFERED|IOENCODING|UTF8|HASHSEED|DONTWRITE).*|(?:LD|DYLD|BASH_FUNC)_.*"
    r"|BASH_ENV|IFS|SHELL|SHELLOPTS|PS4|NODE_OPTIONS|PERL5.*|RUBYOPT|GIT_SSH.*"
    r"|GCONV_PATH|GLIBC_TUNABLES|LOCPATH|MALLOC_.*|OPENSSL_CONF|OPENSSL_MODULES|HOME|VIRTUAL_ENV"
)


class Environ(dict[str, str]):
    """Variables by name; its repr shows none of their values."""

    def __repr__(self) -> str:
        return f"Environ({len(self)} variables)"


def refused(name: str) -> bool:
    """Whether `environment_variables:` may not set this one."""
    return _REFUSED.fullmatch(name.upper()) is not None


def dotenv_beside(config: Path) -> dict[str, str]:
    """The `.env` file in the config's folder, read without interpolation; empty if there is none."""
    path = config.parent / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # comes with pydantic-settings; imported only where there is a file to read

    try:
        found = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: value for name, value in found.items() if value is not None}


def export(
    block: Mapping[str, Any], environ: Environ, interpolator: Interpolator, problem: Callable[..., None]
) -> dict[str, str]:
    """Take the `environment_variables:` block into `environ`, in its order; gives what was taken.

    `problem(severity, kind, path, message, hint)` records what was not.
    """
    taken: dict[str, str] = {}
    for name, raw in block.items():
        path = ("environment_variables", name)
        if refused(name):
            message = "this variable decides which code is run, so a config cannot set it"
            problem("error", "refused-variable", path, message, "Set it where you start the gateway.")
            continue
        if not name or "=" in name or "\0" in name:
            problem("error", "type", path, "this is not a name for an environment variable", None)
            continue
        if isinstance(raw, dict | list):
            problem("error", "type", path, "expected text", None)
            continue
        value = interpolator.text(raw, path) if isinstance(raw, str) else None if raw is None else str(raw)
        if value is None:
            continue
        if "\0" in value:
            problem("error", "type", path, "a NUL character cannot stand in an environment variable", None)
            continue
        taken[name] = environ[name] = value
    return taken
