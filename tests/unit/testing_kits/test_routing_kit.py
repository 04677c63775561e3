"""The routing kit passes a good strategy and sees through bad ones."""

import random
from time import sleep

import pytest

from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing.routing import RoutingStrategyConformance, SampleDeployment


class Uniform(RoutingStrategy):
    def pick(self, candidates, call, snapshot):
        return snapshot.random.choice(candidates)


class First(RoutingStrategy):
    def pick(self, candidates, call, snapshot):
        return candidates[0]


class TestUniform(RoutingStrategyConformance):
    def strategy(self):
        return Uniform()


class Weighted(RoutingStrategy):
    def pick(self, candidates, call, snapshot):
        weights = [candidate.weight or 0.0 for candidate in candidates]
        return snapshot.random.choices(candidates, weights if any(weights) else None)[0]


class TestWeighted(RoutingStrategyConformance):
    weighs = True

    def strategy(self):
        return Weighted()


class WithinLimits(Uniform):
    respects_limits = True


class TestWithinLimits(RoutingStrategyConformance):
    def strategy(self):
        return WithinLimits()


class TestAnOrderOfItsOwn(RoutingStrategyConformance):
    spreads = False

    def strategy(self):
        return First()


def of(pick, *, says=None, **attributes):
    """A kit around a strategy made of one function; `says` is what the kit is told of it."""
    strategy = type("Bad", (RoutingStrategy,), {"pick": pick, **attributes})

    class Bad(RoutingStrategyConformance):
        vars().update(says or {})

        def strategy(self):
            return strategy()

    return Bad


def invents(self, candidates, call, snapshot):
    return SampleDeployment("invented")


def equal_but_not_the_same(self, candidates, call, snapshot):
    return SampleDeployment(candidates[0].id)


def changes_the_list(self, candidates, call, snapshot):
    candidates.sort(key=lambda candidate: candidate.id, reverse=True)
    return candidates[0]


def counts(self, candidates, call, snapshot):
    snapshot.stats(candidates[0].id).in_flight += 1
    return snapshot.random.choice(candidates)


def trims(self, candidates, call, snapshot):
    snapshot.stats(candidates[0].id).latencies.clear()
    return snapshot.random.choice(candidates)


def global_chance(self, candidates, call, snapshot):
    return random.choice(candidates)


def needs_samples(self, candidates, call, snapshot):
    return min(candidates, key=lambda c: snapshot.stats(c.id).latencies[-1][0])


def weights_only(self, candidates, call, snapshot):
    return snapshot.random.choices(candidates, [candidate.weight for candidate in candidates])[0]


def slow(self, candidates, call, snapshot):
    sleep(0.0005)
    return candidates[0]


def remembers(self, candidates, call, snapshot):
    """Sticks to whom it has seen once, whether or not it is offered again."""
    self.seen = getattr(self, "seen", None) or snapshot.random.choice(candidates)
    return self.seen


def remembers_by_id(self, candidates, call, snapshot):
    """The same, but looks whether it is there."""
    held = getattr(self, "held", None)
    chosen = next((c for c in candidates if c.id == held), None) or snapshot.random.choice(candidates)
    self.held = chosen.id
    return chosen


def the_most_successful(self, candidates, call, snapshot):
    """The rich get richer: equals do not stay equal."""
    best = max(snapshot.stats(c.id).successes for c in candidates)
    return snapshot.random.choice([c for c in candidates if snapshot.stats(c.id).successes == best])


def without_the_light(self, candidates, call, snapshot):
    """By weight, but nobody with less than a tenth of the heaviest."""
    heaviest = max(c.weight or 0.0 for c in candidates)
    left = [c for c in candidates if (c.weight or 0.0) * 10 >= heaviest]
    return snapshot.random.choices(left, [c.weight or 1.0 for c in left])[0]


def keeps_the_middle_one(self, candidates, call, snapshot):
    """Goes on with a deployment whether or not it is offered it."""
    self.first = getattr(self, "first", None) or {c.id: c for c in candidates}
    return self.first["d1"] if "d1" in self.first else snapshot.random.choice(candidates)


async def asynchronous(self, candidates, call, snapshot):
    return candidates[0]


@pytest.mark.parametrize(
    ("pick", "seen_by"),
    [
        (invents, "test_the_choice_is_always_one_of_the_candidates"),
        (equal_but_not_the_same, "test_a_single_candidate_is_picked"),
        (changes_the_list, "test_nothing_it_is_shown_is_changed"),
        (changes_the_list, "test_candidates_may_be_a_tuple"),
        (counts, "test_nothing_it_is_shown_is_changed"),
        (trims, "test_nothing_it_is_shown_is_changed"),
        (global_chance, "test_chance_comes_from_the_snapshot_alone"),
        (global_chance, "test_the_same_seed_makes_the_same_choices"),
        (needs_samples, "test_unseen_deployments_are_no_trouble"),
        (weights_only, "test_missing_and_odd_numbers_are_no_trouble"),
        (First.pick, "test_equal_unseen_deployments_get_fair_shares"),
        (First.pick, "test_equal_seen_deployments_get_fair_shares"),
        (First.pick, "test_expired_samples_are_no_trouble_and_no_unfairness"),
        (slow, "test_a_choice_is_quick"),
        (remembers, "test_in_the_gateway_there_is_a_choice_whenever_there_is_a_candidate"),
        (remembers, "test_in_the_gateway_equals_get_fair_shares_over_time"),
        (remembers_by_id, "test_equal_unseen_deployments_get_fair_shares"),
        (remembers_by_id, "test_in_the_gateway_equals_get_fair_shares_over_time"),
        (the_most_successful, "test_in_the_gateway_equals_get_fair_shares_over_time"),
        (keeps_the_middle_one, "test_in_the_gateway_a_deployment_that_fails_is_left_alone"),
        (asynchronous, "test_pick_is_synchronous"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_bad_strategies_are_seen_through(pick, seen_by, failures):
    assert failures(of(pick), seen_by) == {seen_by}


def test_a_strategy_without_room_for_samples_is_seen_through(failures):
    name = "test_it_is_a_routing_strategy_that_keeps_at_least_one_sample"
    assert failures(of(Uniform.pick, samples=0), name) == {name}


@pytest.mark.parametrize(
    ("pick", "attributes", "says", "seen_by"),
    [
        (Uniform.pick, {}, {"weighs": True}, "test_in_the_gateway_shares_are_as_weights_say"),
        (without_the_light, {}, {"weighs": True}, "test_in_the_gateway_shares_are_as_weights_say"),
        (remembers, {"respects_limits": True}, {"spreads": False}, "test_in_the_gateway_limits_hold"),
    ],
    ids=["uniform", "without_the_light", "remembers"],
)
def test_strategies_that_are_not_what_they_say_are_seen_through(pick, attributes, says, seen_by, failures):
    assert failures(of(pick, says=says, **attributes), seen_by) == {seen_by}


def test_a_strategy_that_always_takes_the_first_is_kept_from_one_that_fails(failures):
    name = "test_in_the_gateway_a_deployment_that_fails_is_left_alone"
    assert failures(of(First.pick), name) == set()
