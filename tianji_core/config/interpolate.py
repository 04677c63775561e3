"""Values that name an environment variable: `os.environ/NAME` anywhere, and a whole `$NAME` or `${NAME}`.

An unset `os.environ/NAME` is null, with a warning. In the reference a bare `os.environ/NAME` in a list stays text; here
it is replaced there too. `$NAME` inside longer text is text (passwords hold such things), and so is an unset one.
`oidc/…` references are left for whoever fetches the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tianji_core.config.report import show

Path = tuple[str | int, ...]
PREFIX = "os.environ/"
_DOLLAR = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_BOOLEANS = {"true": True, "false": False}


class Interpolator:
    """Replaces references. `variables` remembers which path came from which variable, so messages name that."""

    def __init__(self, environ: Mapping[str, str], warn: Callable[[Path, str, str, str], None]) -> None:
        self.environ = environ
        self.variables: dict[Path, str] = {}
        self._warn = warn

    def tree(self, value: Any, path: Path = ()) -> Any:
        """A copy of `value` with every reference replaced."""
        if isinstance(value, dict):
            return {key: self.tree(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and value.startswith((PREFIX, "$")):
            found = self.text(value, path)
            if found is None or found is value:
                return found
            return _BOOLEANS.get(found.strip().lower(), found)
        return value

    def text(self, value: str, path: Path) -> str | None:
        """The text a reference stands for; `value` itself where it is none."""
        if value.startswith(PREFIX):
            name = value.removeprefix(PREFIX)
            self.variables[path] = name
            if name in self.environ:
                return self.environ[name]
            self._missing(name, path, "The key counts as not given.")
            return None
        match = _DOLLAR.fullmatch(value)
        if match is None:
            return value
        name = match[1] or match[2]
        if name in self.environ:
            self.variables[path] = name
            return self.environ[name]
        if name.isupper():
            self._missing(name, path, "The text stays as it is.")
        return value

    def _missing(self, name: str, path: Path, hint: str) -> None:
        self._warn(path, "missing-env", f'the environment variable "{show(name)}" is not set', hint)
