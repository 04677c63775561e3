"""What policies would come to for a call, and why: for the eyes of admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tianji_core.gateway.policies.book import Policies
from tianji_core.gateway.policies.facts import Facts, names_of
from tianji_core.gateway.policies.outcome import Applied, Outcome
from tianji_core.gateway.policies.rules import Attachment
from tianji_core.gateway.policies.ruleset import RuleSet

WIDTHS = ("global", "models or tags", "team", "key")


@dataclass(frozen=True, slots=True)
class Question:
    """A call that nobody makes. `own` are the policies that the caller's key names, `asked` those of the request."""

    facts: Facts
    own: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def explained(policies: Policies, question: Question, guardrails: Sequence[str]) -> dict[str, Any]:
    """The outcome as JSON, with what has led to it. `guardrails` are all of the config, in their order."""
    facts, known = question.facts, policies.known
    rules = policies.current if policies.current is not None else RuleSet((), ())
    outcome = rules.outcome(facts, question.own, question.asked)
    goes_to = facts.models
    if outcome.swap is not None:
        goes_to = names_of(outcome.swap, known.models)
        there = rules.outcome(replace(facts, models=goes_to), question.own, question.asked)
        outcome = outcome.and_also(replace(there, swap=None, swapped_by=None))
    runs = outcome.guardrails | known.always_on
    applied = {
        (each.name, each.reason): each
        for said in (False, True)
        for each in rules.applied(facts, said, question.own, question.asked if said else ())
    }
    refused = [name for name in question.asked if not rules.may_be_asked_for(name)]
    return {
        "effective_guardrails": [name for name in dict.fromkeys(guardrails) if name in runs],
        "always_on_guardrails": [name for name in dict.fromkeys(guardrails) if name in known.always_on],
        "matched_policies": [_matched(each, outcome) for each in applied.values()],
        "attachments": [_attachment(rules, attachment, facts) for attachment in rules.attachments],
        "models": _models(outcome, facts),
        "params": {"cap": dict(outcome.cap), "set": dict(outcome.set)},
        "refused": _refusal(outcome, goes_to, refused),
    }


def _matched(applied: Applied, outcome: Outcome) -> dict[str, Any]:
    added = applied.effect.add
    return {
        "policy_name": applied.name,
        "matched_via": applied.reason,
        "mandatory": applied.mandatory,
        "guardrails_added": [name for name in added if name in outcome.guardrails],
        "guardrails_taken_back": [name for name in added if name not in outcome.guardrails],
        "guardrails_removed": sorted(applied.effect.removed),
    }


def _attachment(rules: RuleSet, attachment: Attachment, facts: Facts) -> dict[str, Any]:
    missed = list(attachment.misses(facts, True))
    policy = rules.policies.get(attachment.policy)
    failed, parts = [], []
    for part in policy.parts if policy is not None else ():
        unmet = list(part.condition.misses(facts, True))
        parts.append({"policy_name": part.name, "holds": not unmet, "conditions_failed": unmet})
        failed = unmet  # the last part is the policy's own
    return {
        "attachment_id": attachment.id,
        "policy_name": attachment.policy,
        "source": attachment.source,
        "width": WIDTHS[attachment.width],
        "mandatory": attachment.mandatory,
        "default": attachment.default,
        "matched": not missed,
        "not_matched": missed,
        "holds": not missed and not failed,
        "parts": parts,
    }


def _models(outcome: Outcome, facts: Facts) -> dict[str, Any]:
    swap = None
    if outcome.swap is not None:
        swap = {"from": facts.models[0], "to": outcome.swap, "policy_name": outcome.swapped_by}
    allow = [{"policy_name": each.policy, "models": [p.text for p in each.models.all]} for each in outcome.allow]
    return {"allow": allow, "swap": swap}


def _refusal(outcome: Outcome, models: tuple[str, ...], not_requestable: list[str]) -> str | None:
    """Why the call would be refused, if it would."""
    if not_requestable:
        return f"requests may not ask for: {', '.join(not_requestable)}"
    if outcome.fault is not None:
        return outcome.fault
    policy = outcome.refusing(models) if models else None
    return f"policy {policy!r} does not allow model {models[0]!r}" if policy is not None else None
