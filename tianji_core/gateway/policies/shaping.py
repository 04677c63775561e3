"""Caps and fixed values for the parameters of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.policies.outcome import Outcome
from tianji_core.wire.openai import PARAMS

LIMIT = "max_tokens"
_LIMITS = (LIMIT, "max_completion_tokens")
"""Two names for one thing: a cap on either holds for both."""
_EVERY_PARAM = frozenset[str]().union(*PARAMS.values())
_TAKES_ANY = frozenset({"chat", "completions"})
"""Operations that may have a vendor's own parameters, which no list names."""

_NATIVE: Mapping[str, Mapping[str, str]] = {
    "messages": {LIMIT: LIMIT, "temperature": "temperature", "top_p": "top_p", "top_k": "top_k"},
    "responses": {
        LIMIT: "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
    },
}
"""What a dialect calls the parameter that a vendor who speaks it gets as it came."""


def shape(call: Call, outcome: Outcome) -> None:
    """Bring the parameters of a call's body to what policies say."""
    changes = changes_of(call.body, call.operation, outcome)
    if not changes:
        return
    call.body = _with(call.body, changes)
    if call.native is not None:
        names = _NATIVE.get(call.dialect, {})
        # What a vendor would not understand under a name of ours has to go the long way, through the translation.
        said = changes.keys() <= names.keys()
        call.native = _with(call.native, {names[n]: v for n, v in changes.items()}) if said else None


def changes_of(body: Body, operation: str, outcome: Outcome) -> dict[str, Any]:
    """The members of a body that have to be different; None stands for one that has to go."""
    known = PARAMS.get(operation, frozenset())
    found: dict[str, Any] = {
        name: value
        for name, value in outcome.set.items()
        if _is_for(name, operation, known) and (body.get(name) != value or type(body.get(name)) is not type(value))
    }
    for name, most in outcome.cap.items():
        if name in _LIMITS:
            _cap_limit(body, known, found, most)
        elif _is_for(name, operation, known):
            _cap(body, found, name, most)
    return {name: value for name, value in found.items() if value is not None or body.get(name) is not None}


def contradicts(body: Body, outcome: Outcome) -> bool:
    """Whether a body has parameters that would have to be different."""
    return any(body.get(name) is not None for name in changes_of(body, "chat", outcome))


def _cap(body: Body, found: dict[str, Any], name: str, most: float) -> bool:
    """Cap one parameter; whether it has a value at all."""
    value = found[name] if name in found else body.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if value > most:
        found[name] = most
    return True


def _cap_limit(body: Body, known: frozenset[str], found: dict[str, Any], most: float) -> None:
    if LIMIT in known:
        given = [_cap(body, found, name, most) for name in _LIMITS]
        if not any(given):
            found[LIMIT] = most


def _is_for(name: str, operation: str, known: frozenset[str]) -> bool:
    return name in known or (operation in _TAKES_ANY and name not in _EVERY_PARAM)


def _with(body: Body, changes: Mapping[str, Any]) -> Body:
    changed = {**body, **changes}
    for name, value in changes.items():
        if value is None:
            del changed[name]
    return changed
