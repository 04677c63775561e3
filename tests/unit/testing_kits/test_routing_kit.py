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


class TestAnOrderOfItsOwn(RoutingStrategyConformance):
    spreads = False

    def strategy(self):
        return First()


def of(pick, **attributes):
    """A kit around a strategy made of one function."""
    strategy = type("Bad", (RoutingStrategy,), {"pick": pick, **attributes})

    class Bad(RoutingStrategyConformance):
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
