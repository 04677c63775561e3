"""Policies and attachments, made ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tianji_core.gateway.policies.conditions import Condition, HasTag
from tianji_core.gateway.policies.facts import Facts
from tianji_core.gateway.policies.patterns import Pattern, Patterns, by_weight

Source = Literal["config", "database"]
NO_CONDITION = Condition()


@dataclass(frozen=True, slots=True)
class Part:
    """What one policy of a chain says itself. `swap` maps patterns, the one that says the most first, to models."""

    name: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    condition: Condition = NO_CONDITION
    allow: Patterns | None = None
    swap: tuple[tuple[Pattern, str], ...] = ()
    cap: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effect:
    """What the parts of a policy that hold come to. `removed` is what it wants gone elsewhere too."""

    add: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()
    allow: Patterns | None = None
    swap: tuple[tuple[Pattern, str], ...] = ()
    cap: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)


def flattened(parts: Iterable[Part]) -> Effect:
    """Parts in their order, the root's first: each adds, then removes; what it says of a model or a parameter takes
    the place of what was said before."""
    add: dict[str, None] = {}
    removed: dict[str, None] = {}
    swap: dict[str, tuple[Pattern, str]] = {}
    cap: dict[str, float] = {}
    fixed: dict[str, Any] = {}
    allow: Patterns | None = None
    for part in parts:
        for name in part.add:
            add[name] = None
            removed.pop(name, None)
        for name in part.remove:
            add.pop(name, None)
            removed[name] = None
        allow = part.allow if part.allow is not None else allow
        swap.update((pattern.text, (pattern, to)) for pattern, to in part.swap)
        cap.update(part.cap)
        fixed.update(part.set)
    ordered = sorted(swap.values(), key=lambda pair: by_weight(pair[0].text))
    return Effect(tuple(add), frozenset(removed), allow, tuple(ordered), cap, fixed)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with what it inherits: `parts` from the root to its own. One with a `fault` cannot be kept to, so that
    calls it holds for are refused."""

    name: str
    parts: tuple[Part, ...]
    requestable: bool = False
    source: Source = "config"
    fault: str | None = None

    @property
    def own(self) -> Part:
        return self.parts[-1]

    def holds(self, facts: Facts, said: bool) -> bool:
        """Whether its own condition holds; those of what it inherits decide on that part only."""
        return self.own.condition.holds(facts, said)

    def effect(self, facts: Facts, said: bool) -> Effect:
        return flattened(part for part in self.parts if part.condition.holds(facts, said))


GLOBAL, SOME, TEAM, KEY = range(4)
"""How narrow an attachment is: for all calls, for some models or tags, for teams, for keys."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """For which calls a policy holds: those that fit every dimension that is not None."""

    policy: str
    teams: Patterns | None = None
    keys: Patterns | None = None
    models: Patterns | None = None
    tags: HasTag | None = None
    priority: int = 0
    default: bool = False
    mandatory: bool = False
    id: str = ""
    source: Source = "config"

    @property
    def width(self) -> int:
        """The narrowest dimension counts."""
        if self.keys is not None:
            return KEY
        if self.teams is not None:
            return TEAM
        return SOME if self.models is not None or self.tags is not None else GLOBAL

    def misses(self, facts: Facts, said: bool) -> Iterator[str]:
        """The dimensions that the call does not fit, in words."""
        for word, patterns, names in (
            ("keys", self.keys, facts.who.keys),
            ("teams", self.teams, facts.who.teams),
            ("models", self.models, facts.models),
        ):
            if patterns is not None and not patterns.fit(names):
                yield f"{word}: {patterns}"
        if self.tags is not None and not self.tags.holds(facts, said):
            yield str(self.tags)

    def reason(self, facts: Facts, said: bool) -> str:
        """Why it holds for a call that it fits: `scope:*`, `team:finance`, `model:gpt-4*+tag:eu`."""
        found = []
        for word, patterns, names in (
            ("key", self.keys, facts.who.keys),
            ("team", self.teams, facts.who.teams),
            ("model", self.models, facts.models),
            ("tag", None if self.tags is None else self.tags.tags, facts.all_tags(said)),
        ):
            if patterns is not None:
                fitting = patterns.find(names)
                found.append(f"{word}:{'*' if fitting is None else fitting.text}")
        return "+".join(found) or "scope:*"
