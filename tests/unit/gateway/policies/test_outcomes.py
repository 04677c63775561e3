"""What policies come to: whatever the order they stand in, never less for what a request says, never against what is
mandatory."""

from __future__ import annotations

import random
import time
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.call import Principal
from tianji_core.gateway.call import Call, CallOptions
from tianji_core.gateway.policies.conditions import Condition, HasTag, HasValue, IsTime
from tianji_core.gateway.policies.facts import Facts, Who
from tianji_core.gateway.policies.outcome import Applied, combined
from tianji_core.gateway.policies.patterns import Pattern, Patterns
from tianji_core.gateway.policies.rules import KEY, TEAM, Attachment, Effect, Part, Policy, flattened
from tianji_core.gateway.policies.ruleset import RuleSet
from tianji_core.gateway.policies.times import Window
from tianji_core.routing import ModelTable

NAMES = ["p", "q", "r", "s"]
GUARDS = st.lists(st.sampled_from(["g1", "g2", "g3"]), max_size=2, unique=True).map(tuple)
TEXTS = st.lists(st.sampled_from(["a", "b", "a*", "*"]), max_size=2, unique=True)
PATTERNS = TEXTS.map(Patterns.of)
TAGS = st.lists(st.sampled_from(["t", "u"]), max_size=2, unique=True).map(tuple)
NUMBERS = st.dictionaries(st.sampled_from(["max_tokens", "n"]), st.integers(1, 5), max_size=2)


@st.composite
def conditions(draw):
    moving = []
    if tags := draw(st.one_of(st.just(()), TAGS)):
        moving.append(HasTag(Patterns.of(tags)))
    if draw(st.integers(0, 4)) == 0:
        moving.append(HasValue("tier", ("gold",)))
    return Condition(draw(PATTERNS), draw(st.one_of(st.none(), PATTERNS)), None, tuple(moving))


@st.composite
def parts(draw, name, condition=None):
    swap = draw(st.dictionaries(st.sampled_from(["a", "a*", "*"]), st.sampled_from(["a", "b"]), max_size=1))
    return Part(
        name,
        draw(GUARDS),
        draw(GUARDS),
        draw(conditions()) if condition is None else condition,
        draw(st.one_of(st.none(), PATTERNS)),
        tuple((Pattern.of(text), to) for text, to in swap.items()),
        draw(NUMBERS),
        draw(NUMBERS),
    )


@st.composite
def rulesets(draw):
    own = {name: draw(parts(name)) for name in NAMES}
    chains = {name: [own[parent] for parent in NAMES[:i] if draw(st.booleans())] for i, name in enumerate(NAMES)}
    policies = [Policy(name, (*chains[name], own[name]), draw(st.booleans())) for name in NAMES]
    attachments = [
        Attachment(
            draw(st.sampled_from(NAMES)),
            draw(PATTERNS),
            draw(PATTERNS),
            draw(PATTERNS),
            draw(st.one_of(st.none(), st.just(HasTag(Patterns.of(["t"]))))),
            draw(st.integers(0, 1)),
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    return policies, attachments


METADATA = st.sampled_from([{}, {"tier": "gold"}])
FACTS = st.builds(
    Facts,
    st.builds(Who, TAGS, st.sampled_from([(), ("a",), ("ab",)])),
    st.sampled_from([("a",), ("b",), ("ab", "a")]),
    TAGS,
    METADATA,
    TAGS,
    METADATA,
    st.just(0.0),
)
ASKED = st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(lambda names: tuple(sorted(names)))


@settings(max_examples=150, deadline=None)
@given(rulesets(), FACTS, ASKED, ASKED, st.randoms())
def test_their_order_says_nothing(rules, facts, own, asked, order: random.Random):
    policies, attachments = rules
    before = RuleSet(policies, attachments).outcome(facts, own, asked)
    order.shuffle(policies)
    order.shuffle(attachments)
    after = RuleSet(policies, attachments).outcome(facts, tuple(reversed(own)), asked)
    assert (after.guardrails, after.swap, after.cap, after.set) == (
        before.guardrails,
        before.swap,
        before.cap,
        before.set,
    )
    assert list(after.policies) == list(before.policies)
    assert set(after.allow) == set(before.allow)


@settings(max_examples=150, deadline=None)
@given(rulesets(), FACTS, ASKED)
def test_what_a_request_says_takes_nothing_away(rules, facts, asked):
    said = RuleSet(*rules)
    silent = said.outcome(replace(facts, said_tags=(), said_metadata={}))
    loud = said.outcome(facts, (), asked)
    assert silent.guardrails <= loud.guardrails
    assert set(silent.allow) <= set(loud.allow)
    assert all(loud.cap[name] <= most for name, most in silent.cap.items())
    assert {**loud.set, **silent.set} == dict(loud.set)
    assert silent.swap in (None, loud.swap)
    assert set(silent.policies) <= set(loud.policies)


@settings(max_examples=150, deadline=None)
@given(rulesets(), FACTS, ASKED)
def test_nothing_mandatory_is_taken_back(rules, facts, asked):
    policies, attachments = rules
    outcome = RuleSet(policies, attachments).outcome(facts, (), asked)
    by_name = {policy.name: policy for policy in policies}
    for attachment in attachments:
        policy = by_name[attachment.policy]
        fits = not attachment.default and not list(attachment.misses(facts, False))
        if attachment.mandatory and fits and policy.holds(facts, False):
            assert set(policy.effect(facts, False).add) <= outcome.guardrails


@settings(max_examples=150, deadline=None)
@given(st.data(), FACTS, st.integers(1, 4))
def test_a_chain_is_what_it_comes_to_flat(data, facts, length):
    chain = tuple(data.draw(parts(name, Condition())) for name in NAMES[:length])
    whole = flattened(chain)
    flat = Part("p", whole.add, tuple(whole.removed), Condition(), whole.allow, whole.swap, whole.cap, whole.set)
    everywhere = [Attachment("p")]
    assert RuleSet([Policy("p", chain)], everywhere).outcome(facts) == RuleSet(
        [Policy("p", (flat,))], everywhere
    ).outcome(facts)


@settings(max_examples=150, deadline=None)
@given(rulesets(), st.lists(st.tuples(st.sampled_from(["a", "b"]), TAGS, TAGS, METADATA, ASKED), max_size=6))
def test_what_is_remembered_is_what_would_be_worked_out(rules, calls):
    said = RuleSet(*rules)
    table = ModelTable([], {})
    for model, key_tags, tags, metadata, asked in calls:
        principal = Principal(key_alias="ab", team_id="a", metadata={"tags": list(key_tags)})
        options = CallOptions(policies=asked)
        call = Call("chat", model, {}, principal=principal, options=options, tags=tags, metadata=metadata)
        facts = Facts(Who(("ab",), ("a",)), (model,), key_tags, principal.metadata, tags, metadata)
        for _ in range(2):
            assert said.for_call(call, model, table) == said.outcome(facts, (), asked)


def applied(name, width, add=(), removed=(), **more):
    return Applied(name, Effect(tuple(add), frozenset(removed), **more.pop("effect", {})), "why", width, **more)


def test_who_decides():
    facts = Facts(models=("m",))

    def fixed(*values):
        return combined([applied(n, w, effect={"set": {"n": n}}, **more) for n, w, more in values], facts).set["n"]

    assert fixed(("wide", TEAM, {}), ("narrow", KEY, {})) == "narrow"
    assert fixed(("wide", TEAM, {"mandatory": True}), ("narrow", KEY, {})) == "wide"
    assert fixed(("wide", TEAM, {"mandatory": True}), ("narrow", KEY, {"mandatory": True})) == "wide"
    assert fixed(("b", KEY, {}), ("a", KEY, {})) == "a"
    assert fixed(("b", KEY, {"priority": 1}), ("a", KEY, {})) == "b"
    assert fixed(("asked", KEY, {"asked": True}), ("wide", 0, {})) == "wide"


def test_only_a_narrower_one_takes_back():
    def left(*all_of_them):
        return combined(all_of_them, Facts()).guardrails

    assert left(applied("a", TEAM, ["g"]), applied("b", TEAM, removed=["g"])) == {"g"}
    assert left(applied("a", TEAM, ["g"]), applied("b", KEY, removed=["g"])) == set()
    assert left(applied("a", KEY, ["g"]), applied("b", TEAM, removed=["g"])) == {"g"}
    assert left(applied("a", TEAM, ["g"], mandatory=True), applied("b", KEY, removed=["g"])) == {"g"}


def test_default_attachments_hold_where_no_other_does():
    policies = [Policy("d", (Part("d", ("g1",)),)), Policy("t", (Part("t", ("g2",)),))]
    rules = RuleSet(
        policies,
        [
            Attachment("d", default=True),
            Attachment("t", teams=Patterns.of(["x"])),
            Attachment("t", tags=HasTag(Patterns.of(["y"]))),
        ],
    )
    assert rules.outcome(Facts()).guardrails == {"g1"}
    assert rules.outcome(Facts(Who(teams=("x",)))).guardrails == {"g2"}
    assert rules.outcome(Facts(said_tags=("y",))).guardrails == {"g1", "g2"}  # a tag is no way out


def test_time_is_looked_at_for_each_call():
    window = Window(range(7), 0, 60, "UTC")
    rules = RuleSet(
        [Policy("p", (Part("p", ("g",), condition=Condition(moving=(IsTime((window,)),))),))], [Attachment("p")]
    )
    assert rules.outcome(Facts(now=59 * 60.0)).guardrails == {"g"}
    assert rules.outcome(Facts(now=60 * 60.0)).guardrails == set()
    call = Call("chat", "m", {})
    expected = window.holds(time.time())
    assert (rules.for_call(call, "m", ModelTable([], {})).guardrails == {"g"}) is expected


def test_conditions_of_what_may_not_be_asked_for_are_looked_at_each_time():
    def policy(name):
        return Policy(name, (Part(name, condition=Condition(moving=(HasTag(Patterns.of(["t"])),))),))

    said = RuleSet([policy("p")], [])
    table = ModelTable([], {})
    for tags, holds in (((), False), (("t",), True), ((), False)):
        call = Call("chat", "m", {}, options=CallOptions(policies=("p",)), tags=tags)
        assert ("p" in said.for_call(call, "m", table).policies) is holds
