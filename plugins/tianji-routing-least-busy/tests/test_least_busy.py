"""The choice itself."""

from collections import Counter

import pytest
from pydantic import ValidationError

from tianji_core.testing.routing import SampleDeployment, SampleSnapshot, measure_pick, sample_stats
from tianji_core.testing.standard import SampleCall
from tianji_routing_least_busy import NAME, LeastBusy, LeastBusySettings, tianji_register_routing_strategies


def shares(in_flight: dict[str, int], *, stream: bool = False, calls: int = 600) -> Counter:
    """How often each of the deployments a, b and c is picked."""
    strategy = LeastBusy(LeastBusySettings())
    candidates = [SampleDeployment(name) for name in "abc"]
    snapshot = SampleSnapshot({name: sample_stats(in_flight=calls) for name, calls in in_flight.items()})
    return Counter(strategy.pick(candidates, SampleCall(stream=stream), snapshot).id for _ in range(calls))


@pytest.mark.parametrize("stream", [False, True])
def test_the_fewest_calls_win(stream):
    assert shares({"a": 3, "b": 1, "c": 2}, stream=stream) == {"b": 600}


def test_one_without_any_call_comes_first():
    assert shares({"a": 1, "b": 1}) == {"c": 600}


def test_ties_are_shared_at_random():
    got = shares({"a": 2, "b": 1, "c": 1})
    assert set(got) == {"b", "c"}
    assert abs(got["b"] - 300) < 80


def test_a_weight_makes_no_difference():
    candidates = [SampleDeployment("a", weight=9.0), SampleDeployment("b", weight=1.0)]
    snapshot = SampleSnapshot({"a": sample_stats(in_flight=1)})
    assert LeastBusy(LeastBusySettings()).pick(candidates, SampleCall(), snapshot).id == "b"


def test_calls_spread_while_they_are_under_way():
    """30 calls that do not end: 10 for each of three."""
    strategy, snapshot = LeastBusy(LeastBusySettings()), SampleSnapshot()
    candidates = [SampleDeployment(name) for name in "abc"]
    for _ in range(30):
        snapshot.stats(strategy.pick(candidates, SampleCall(), snapshot).id).in_flight += 1
    assert [snapshot.stats(name).in_flight for name in "abc"] == [10, 10, 10]


def test_there_is_nothing_to_set():
    with pytest.raises(ValidationError):
        LeastBusySettings(slack=1)


def test_it_registers_under_the_name_that_configs_use():
    seen = []
    tianji_register_routing_strategies(lambda name, factory, settings=None: seen.append((name, factory, settings)))
    assert seen == [(NAME, LeastBusy, LeastBusySettings)]
    assert NAME == "least-busy"


def test_a_choice_costs_a_few_microseconds():
    assert measure_pick(LeastBusy(LeastBusySettings())) < 20
