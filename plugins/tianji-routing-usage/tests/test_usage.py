"""The choice itself."""

from collections import Counter

import pytest
from pydantic import ValidationError

from tianji_core.api.routing import DeploymentStats
from tianji_core.testing.routing import SampleDeployment, SampleSnapshot, measure_pick
from tianji_core.testing.standard import SampleCall
from tianji_routing_usage import (
    NAME,
    NAME_V2,
    UsageBased,
    UsageBasedV2,
    UsageSettings,
    tianji_register_routing_strategies,
)

BOTH = pytest.mark.parametrize("strategy", [UsageBased, UsageBasedV2])


def used(tokens: int = 0, requests: int = 0, in_flight: int = 0) -> DeploymentStats:
    stats = DeploymentStats()
    stats.tokens, stats.requests, stats.in_flight = tokens, requests, in_flight
    return stats


def shares(strategy, stats, candidates=None, *, calls=600, **settings) -> Counter:
    """How often each of the deployments (a, b and c, if nothing else is said) is picked."""
    made = strategy(UsageSettings(**settings))
    candidates = candidates or [SampleDeployment(name) for name in "abc"]
    snapshot = SampleSnapshot(stats)
    return Counter(made.pick(candidates, SampleCall(), snapshot).id for _ in range(calls))


@BOTH
def test_the_fewest_tokens_win_whatever_the_requests(strategy):
    assert shares(strategy, {"a": used(900, 1), "b": used(300, 90), "c": used(301, 2)}) == {"b": 600}


@BOTH
def test_one_that_was_not_used_comes_first(strategy):
    assert shares(strategy, {"a": used(1, 1), "b": used(2, 1)}) == {"c": 600}


@BOTH
def test_ties_are_shared_at_random(strategy):
    got = shares(strategy, {"a": used(7, 9), "b": used(7, 1), "c": used(8, 1)})
    assert set(got) == {"a", "b"}
    assert abs(got["a"] - 300) < 80


@BOTH
def test_limits_make_no_difference_unless_asked_for(strategy):
    candidates = [SampleDeployment("a", tpm=1_000_000, rpm=10_000), SampleDeployment("b", tpm=1_000)]
    stats = {"a": used(600, 50), "b": used(500, 5)}
    assert shares(strategy, stats, candidates) == {"b": 600}
    assert shares(strategy, stats, candidates, relative_to_limits=True) == {"a": 600}


@BOTH
@pytest.mark.parametrize(
    ("a", "b", "winner"),
    [
        ({"tpm": 1_000}, {"tpm": 2_000}, "b"),  # 500 and 500 tokens
        ({"rpm": 100}, {"rpm": 10}, "a"),  # 5 and 5 requests
        ({"tpm": 1_000, "rpm": 6}, {"tpm": 700, "rpm": 1_000}, "b"),  # the larger share counts: 5/6 and 5/7
        ({"tpm": 1}, {}, "b"),  # without limits there is always room
    ],
)
def test_shares_of_limits(strategy, a, b, winner):
    candidates = [SampleDeployment("a", **a), SampleDeployment("b", **b)]
    stats = {"a": used(500, 5), "b": used(500, 5)}
    assert shares(strategy, stats, candidates, relative_to_limits=True) == {winner: 600}


def test_v2_counts_calls_in_flight_with_the_mean_of_the_finished_ones():
    # 6 finished calls with 600 tokens: 100 each. So a counts 200 + 3 x 100, b 350 + 100, c 50 + 5 x 100.
    stats = {"a": used(200, 5, 3), "b": used(350, 4, 1), "c": used(50, 6, 5)}
    assert shares(UsageBased, stats) == {"c": 600}
    assert shares(UsageBasedV2, stats) == {"b": 600}


def test_v2_spreads_a_burst_that_v1_does_not():
    def burst(strategy):
        snapshot = SampleSnapshot({"a": used(10, 1), "b": used(20, 1), "c": used(30, 1)})
        candidates, made = [SampleDeployment(name) for name in "abc"], strategy(UsageSettings())
        for _ in range(60):
            stats = snapshot.stats(made.pick(candidates, SampleCall(), snapshot).id)
            stats.in_flight += 1
            stats.requests += 1
        return [snapshot.stats(name).in_flight for name in "abc"]

    assert burst(UsageBased) == [60, 0, 0]
    assert all(19 <= calls <= 21 for calls in burst(UsageBasedV2))


def test_v2_goes_by_calls_in_flight_while_no_tokens_are_known():
    stats = {"a": used(0, 2, 2), "b": used(0, 1, 1), "c": used(0, 3, 3)}
    assert shares(UsageBasedV2, stats) == {"b": 600}


def test_v2_when_a_minute_has_begun_with_calls_of_the_last_one_in_flight():
    stats = {"a": used(0, 0, 4), "b": used(0, 0, 1), "c": used(0, 0, 2)}
    assert shares(UsageBasedV2, stats) == {"b": 600}


@BOTH
def test_deployments_over_their_limits_are_kept_from_it(strategy):
    assert strategy(UsageSettings()).respects_limits


@pytest.mark.parametrize("wrong", [{"ttl": 0}, {"ttl": "soon"}, {"relative": True}, {"relative_to_limits": "often"}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        UsageSettings(**wrong)


def test_it_registers_under_the_names_that_configs_use():
    seen = []
    tianji_register_routing_strategies(lambda name, factory, settings=None: seen.append((name, factory, settings)))
    assert seen == [(NAME, UsageBased, UsageSettings), (NAME_V2, UsageBasedV2, UsageSettings)]
    assert (NAME, NAME_V2) == ("usage-based-routing", "usage-based-routing-v2")


@BOTH
def test_a_choice_costs_a_few_microseconds(strategy):
    assert measure_pick(strategy(UsageSettings(relative_to_limits=True))) < 20
