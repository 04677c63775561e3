"""What policies come to for a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tianji_core.gateway.policies.facts import Facts
from tianji_core.gateway.policies.patterns import Patterns
from tianji_core.gateway.policies.rules import GLOBAL, Effect


class Applied(NamedTuple):
    """A policy that holds, by way of one attachment, of the caller's key, or because the request asks for it."""

    name: str
    effect: Effect
    reason: str
    width: int = GLOBAL
    priority: int = 0
    mandatory: bool = False
    asked: bool = False
    fault: str | None = None

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """Who decides where two say different things: what is mandatory, the widest first; then the narrowest; what a
        request asks for comes last."""
        if self.asked:
            return (2, 0, 0, self.name, self.reason)
        width = self.width if self.mandatory else -self.width
        return (0 if self.mandatory else 1, width, -self.priority, self.name, self.reason)


class Allowing(NamedTuple):
    """The models that a policy allows."""

    policy: str
    models: Patterns


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done to a call. `guardrails` run beside those that are always on or that the request names."""

    policies: Mapping[str, str] = field(default_factory=dict)
    """The policies that hold, and why."""
    guardrails: frozenset[str] = frozenset()
    allow: tuple[Allowing, ...] = ()
    swap: str | None = None
    swapped_by: str | None = None
    cap: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @property
    def changes_body(self) -> bool:
        return bool(self.cap or self.set)

    def refusing(self, models: Sequence[str]) -> str | None:
        """The policy that does not allow a model of these names."""
        return next((each.policy for each in self.allow if each.models.find(models) is None), None)

    def and_also(self, other: Outcome) -> Outcome:
        """Both at once: whatever one of them asks for is done, and where they differ this one decides."""
        if other is self:
            return self
        swap = self if self.swap is not None else other
        return Outcome(
            {**self.policies, **{n: why for n, why in other.policies.items() if n not in self.policies}},
            self.guardrails | other.guardrails,
            tuple(dict.fromkeys(self.allow + other.allow)),
            swap.swap,
            swap.swapped_by,
            _least((self.cap, other.cap)),
            {**other.set, **self.set},
            self.fault or other.fault,
        )


NOTHING = Outcome()


def combined(applied: Iterable[Applied], facts: Facts) -> Outcome:
    """What policies come to together, whatever order they come in.

    A guardrail that one adds is taken back by one that is attached more narrowly, unless what adds it is mandatory.
    """
    ordered = sorted(applied, key=lambda each: each.order)
    if not ordered:
        return NOTHING
    guardrails: set[str] = set()
    fixed: dict[str, Any] = {}
    swap: tuple[str, str] | None = None
    for each in ordered:
        guardrails.update(name for name in each.effect.add if not _is_taken_back(name, each, ordered))
        for name, value in each.effect.set.items():
            fixed.setdefault(name, value)
        if swap is None:
            found = (to for pattern, to in each.effect.swap if any(map(pattern.fits, facts.models)))
            to = next(found, None)
            swap = None if to is None or to in facts.models else (to, each.name)
    allow = [Allowing(each.name, each.effect.allow) for each in ordered if each.effect.allow is not None]
    return Outcome(
        _reasons(ordered),
        frozenset(guardrails),
        tuple(dict.fromkeys(allow)),
        None if swap is None else swap[0],
        None if swap is None else swap[1],
        _least(each.effect.cap for each in ordered),
        fixed,
        next((each.fault for each in ordered if each.fault), None),
    )


def _reasons(applied: Iterable[Applied]) -> dict[str, str]:
    """The policies, the widest first; why one holds is told by its narrowest attachment."""
    found = sorted(applied, key=lambda each: (each.asked, each.width, each.name, each.reason))
    return {each.name: each.reason for each in found}


def _is_taken_back(guardrail: str, added: Applied, applied: Iterable[Applied]) -> bool:
    if added.mandatory:
        return False
    return any(guardrail in each.effect.removed and each.width > added.width for each in applied)


def _least(caps: Iterable[Mapping[str, float]]) -> Mapping[str, float]:
    least: dict[str, float] = {}
    for cap in caps:
        for name, most in cap.items():
            least[name] = min(most, least.get(name, most))
    return least
