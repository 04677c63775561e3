"""All kinds of credentials, and those that a config of detect-secrets names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tianji_guardrail_secrets.assigned import ASSIGNED
from tianji_guardrail_secrets.entropy import LIMITS, entropy_rule
from tianji_guardrail_secrets.formats import FORMATS
from tianji_guardrail_secrets.rule import Rule
from tianji_guardrail_secrets.theirs import theirs


@cache
def standard() -> tuple[Rule, ...]:
    """The rules that are on where a config names none: all but those that go by how random a text looks."""
    return (*FORMATS, *ASSIGNED, *theirs())


@cache
def known() -> frozenset[str]:
    """Every name that a config may use: kinds, and detectors of detect-secrets and of the reference."""
    return frozenset(name for rule in standard() for name in (rule.name, *rule.of)) | frozenset(LIMITS)


def chosen(limits: Mapping[str, float | None]) -> tuple[Rule, ...]:
    """The rules of these names; the value is the `limit` of those that have one."""
    found = [rule for rule in standard() if not limits.keys().isdisjoint((rule.name, *rule.of))]
    for name, default in LIMITS.items():
        if name in limits:
            limit = limits[name]
            found.append(entropy_rule(name, default if limit is None else limit))
    return tuple(found)
