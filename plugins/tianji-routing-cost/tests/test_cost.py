"""The choice itself."""

from collections import Counter

import pytest
from pydantic import ValidationError

from tianji_core.testing.routing import SampleDeployment, SampleSnapshot, measure_pick
from tianji_core.testing.standard import SampleCall
from tianji_routing_cost import NAME, CostBased, CostSettings, cost_of, tianji_register_routing_strategies


def priced(name: str, read: float | None, written: float | None, **fields: float) -> SampleDeployment:
    return SampleDeployment(name, input_cost_per_token=read, output_cost_per_token=written, **fields)


def shares(*candidates: SampleDeployment, calls: int = 600) -> Counter:
    """How often each is picked."""
    strategy, snapshot = CostBased(CostSettings()), SampleSnapshot()
    return Counter(strategy.pick(candidates, SampleCall(), snapshot).id for _ in range(calls))


def test_the_lowest_sum_wins():
    assert shares(priced("a", 1e-6, 9e-6), priced("b", 4e-6, 4e-6), priced("c", 0.0, 9e-6)) == {"b": 600}


def test_nothing_is_cheaper_than_free():
    assert shares(priced("a", 1e-9, 1e-9), priced("b", 0.0, 0.0)) == {"b": 600}


def test_an_unknown_price_comes_last():
    assert shares(priced("a", None, None), priced("b", 0.01, 0.03)) == {"b": 600}
    assert shares(priced("a", None, 0.0), priced("b", 2.0, 2.9)) == {"b": 600}
    assert shares(priced("a", 0.0, None), priced("b", None, None)) == {"a": 600}


def test_what_is_unknown_counts_five_dollars_a_token():
    assert cost_of(priced("a", None, None)) == 10.0
    assert cost_of(priced("a", 1.0, None)) == 6.0
    assert cost_of(priced("a", None, 2.0)) == 7.0
    assert cost_of(priced("a", 0.0, 0.0)) == 0.0


def test_equals_share_at_random_whatever_they_weigh():
    got = shares(priced("a", 1e-6, 2e-6, weight=9.0), priced("b", 1e-6, 2e-6, rpm=1), priced("c", 1e-6, 3e-6))
    assert set(got) == {"a", "b"}
    assert abs(got["a"] - 300) < 80


def test_deployments_over_their_limits_are_kept_from_it():
    assert CostBased(CostSettings()).respects_limits


def test_there_is_nothing_to_set():
    with pytest.raises(ValidationError):
        CostSettings(ttl=60)


def test_it_registers_under_the_name_that_configs_use():
    seen = []
    tianji_register_routing_strategies(lambda name, factory, settings=None: seen.append((name, factory, settings)))
    assert seen == [(NAME, CostBased, CostSettings)]
    assert NAME == "cost-based-routing"


def test_a_choice_costs_a_few_microseconds():
    assert measure_pick(CostBased(CostSettings())) < 20
