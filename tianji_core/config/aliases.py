"""Every key that begins with `litellm_` can be written with `tianji_` as well; inside there is only the first."""

from __future__ import annotations

from typing import Any

from tianji_core.config.marks import Spot, key_path
from tianji_core.config.report import Problem

THEIRS, OURS = "litellm_", "tianji_"

# The keys of the config contract that carry the prefix.
PREFIXED = frozenset(
    THEIRS + rest
    for rest in (
        "params", "settings", "credential_name", "key_header_name", "jwtauth", "license", "trace_id", "user_role",
    )
)  # fmt: skip
_TWINS = {OURS + name.removeprefix(THEIRS): name for name in PREFIXED}

# What lies below these belongs to others (a vendor, a plugin, the environment): names there are left alone.
_FOREIGN = frozenset(
    {"environment_variables", "callback_settings", "model_info", "extra_body", "extra_headers", "headers", "metadata"}
)


def canonical(name: str) -> str:
    """The one spelling used inside: `tianji_params` → `litellm_params`, everything else as it is."""
    return _TWINS.get(name, name)


def rename(data: Any, spot: Spot, problems: list[Problem]) -> Any:
    """`data` with our spellings replaced; both spellings of one key in one mapping are an error."""
    return _Renamer(problems).tree(data, spot, ())


class _Renamer:
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self._seen: dict[int, object] = {}  # by identity, and held: what is freed would lend its identity to others

    def tree(self, data: Any, spot: Spot, path: tuple[str | int, ...]) -> Any:
        if isinstance(data, list):
            return [self.tree(item, spot.children[index], (*path, index)) for index, item in enumerate(data)]
        if not isinstance(data, dict):
            return data
        self._respell(spot, path)
        result: dict[str, Any] = {}
        for name, value in data.items():
            inner = canonical(name)
            if inner != name and inner in data:
                continue  # told as an error already; the other one's positions count
            child = spot.children[inner]
            below = (*path, name)
            result[inner] = value if name in _FOREIGN else self.tree(value, child, below)
        return result

    def _respell(self, spot: Spot, path: tuple[str | int, ...]) -> None:
        """The positions, keyed by the inner spelling (once: aliases in the file share them)."""
        if id(spot.children) in self._seen:
            return
        self._seen[id(spot.children)] = spot.children
        for ours, theirs in _TWINS.items():
            child = spot.children.pop(ours, None)
            if child is None:
                continue
            first = spot.children.get(theirs)
            if first is not None:
                message = f'given twice: "{ours}" means the same as "{theirs}" in line {first.line}'
                where, at = str(child), key_path((*path, ours))
                self.problems.append(Problem("error", "duplicate-key", where, at, message, "Keep one of them."))
                continue
            spot.children[theirs] = child
