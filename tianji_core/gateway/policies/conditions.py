"""When a policy holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tianji_core.gateway.policies.facts import Facts
from tianji_core.gateway.policies.patterns import Pattern, Patterns
from tianji_core.gateway.policies.times import Window


class Moving(Protocol):
    """A part of a condition that may come out differently for each call of one caller for one model."""

    def holds(self, facts: Facts, said: bool) -> bool:
        """Whether it is so; `said` if what the request says of itself counts."""


@dataclass(frozen=True, slots=True)
class HasTag:
    """A tag of the call."""

    tags: Patterns

    def holds(self, facts: Facts, said: bool) -> bool:
        tags = facts.all_tags(said)
        return bool(tags) and self.tags.find(tags) is not None

    def __str__(self) -> str:
        return f"tags: {self.tags}"


@dataclass(frozen=True, slots=True)
class HasValue:
    """A value in the metadata; `path` may lead into nested objects by dots."""

    path: str
    values: tuple[Any, ...]

    def holds(self, facts: Facts, said: bool) -> bool:
        return self._is_in(facts.metadata) or (said and self._is_in(facts.said_metadata))

    def _is_in(self, metadata: Mapping[str, Any]) -> bool:
        if not metadata:
            return False
        found: Any = metadata.get(self.path)
        if found is None:
            found = metadata
            for step in self.path.split("."):
                found = found.get(step) if isinstance(found, Mapping) else None
        present = found if isinstance(found, (list, tuple)) else (found,)
        return any(_same(value, wanted) for value in present for wanted in self.values)

    def __str__(self) -> str:
        wanted = [value.text if isinstance(value, Pattern) else str(value) for value in self.values]
        return f"metadata.{self.path}: {', '.join(wanted)}"


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Pattern):
        return isinstance(value, str) and wanted.fits(value)
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted) and value is not None


class IsTime:
    """One of several parts of the week."""

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self.windows = windows

    def holds(self, facts: Facts, said: bool) -> bool:
        return any(window.holds(facts.now) for window in self.windows)

    def __str__(self) -> str:
        return f"time: {' or '.join(map(str, self.windows))}"


@dataclass(frozen=True, slots=True)
class Condition:
    """All of it has to be so. What is None is not asked for."""

    models: Patterns | None = None
    teams: Patterns | None = None
    keys: Patterns | None = None
    moving: tuple[Moving, ...] = ()

    def misses(self, facts: Facts, said: bool) -> Iterator[str]:
        """What is not so, in words; nothing if the condition holds."""
        for word, patterns, names in (
            ("model", self.models, facts.models),
            ("team_alias", self.teams, facts.who.teams),
            ("key_alias", self.keys, facts.who.keys),
        ):
            if patterns is not None and not patterns.fit(names):
                yield f"{word}: {patterns}"
        yield from (str(each) for each in self.moving if not each.holds(facts, said))

    def holds(self, facts: Facts, said: bool) -> bool:
        return next(self.misses(facts, said), None) is None
