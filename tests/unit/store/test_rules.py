"""Rules of admins: changed whole and one at a time, and seen by everybody who looks at the revision."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from tianji_core.store.rules import Rule


def rule(name, kind="policy", **data):
    return Rule(kind, name, data)


def test_a_change_is_seen_by_others(with_store):
    async def main(one, other):
        assert await one.rules.revisions() == {"policies": 0, "fallbacks": 0, "models": 0, "guardrails": 0}
        first = rule("a", guardrails_add=["ü"])
        kept = await one.rules.change("policies", lambda kept: (*kept.rules, first))
        assert kept.revision == 1
        assert await other.rules.revisions() == {"policies": 1, "fallbacks": 0, "models": 0, "guardrails": 0}
        assert await other.rules.read("policies") == kept
        assert (await other.rules.read("fallbacks")).rules == ()
        changed = replace(first, data={"x": 1}, updated_by="me")
        await other.rules.change("policies", lambda kept: (changed, rule("a", kind="attachment")))
        assert {each.kind for each in (await one.rules.read("policies")).rules} == {"policy", "attachment"}
        assert (await one.rules.read("policies")).of_kind("policy") == [changed]
        await one.rules.change("policies", lambda kept: ())
        assert await other.rules.read("policies") == replace(kept, revision=3, rules=())

    with_store(main, 2)


def test_what_is_refused_changes_nothing(with_store):
    async def main(opened):
        await opened.rules.change("policies", lambda kept: (rule("a"),))

        def refused(kept):
            raise KeyError

        with pytest.raises(KeyError):
            await opened.rules.change("policies", refused)
        with pytest.raises(IntegrityError):
            await opened.rules.change("policies", lambda kept: (*kept.rules, rule("b"), rule("a")))
        kept = await opened.rules.read("policies")
        assert [each.name for each in kept.rules] == ["a"]
        assert kept.revision == 1

    with_store(main)


def test_changes_at_the_same_time_follow_one_another(with_store):
    async def main(*opened):
        async def add(store, number):
            await store.rules.change("fallbacks", lambda kept: (*kept.rules, rule(f"r{number}", kind="general")))

        await asyncio.gather(*(add(opened[number % len(opened)], number) for number in range(12)))
        kept = await opened[0].rules.read("fallbacks")
        assert {each.name for each in kept.rules} == {f"r{number}" for number in range(12)}
        assert kept.revision == 12

    with_store(main, 3)
