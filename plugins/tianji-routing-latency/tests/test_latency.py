"""The choice itself: which numbers count, how they are put together, who wins."""

from collections import Counter

import pytest
from pydantic import ValidationError

from tianji_core.api.routing import DeploymentStats
from tianji_core.testing.routing import NOW, SampleDeployment, SampleSnapshot, measure_pick, sample_stats
from tianji_core.testing.standard import SampleCall
from tianji_routing_latency import NAME, LatencyBased, LatencySettings, tianji_register_routing_strategies

TIMED_OUT = 1_000.0


def shares(stats: dict[str, DeploymentStats], *, stream: bool = False, calls: int = 600, **settings: float) -> Counter:
    """How often each of the deployments a, b and c is picked."""
    strategy = LatencyBased(LatencySettings(**settings))
    candidates = [SampleDeployment(name) for name in "abc"]
    snapshot = SampleSnapshot(stats)
    return Counter(strategy.pick(candidates, SampleCall(stream=stream), snapshot).id for _ in range(calls))


def test_the_lowest_mean_wins():
    stats = {"a": sample_stats([0.03, 0.01]), "b": sample_stats([0.018, 0.018]), "c": sample_stats([0.01, 0.2])}
    assert shares(stats) == {"b": 600}


def test_an_unseen_deployment_is_tried_first():
    assert shares({"a": sample_stats([1e-6]), "b": sample_stats([1e-6])}) == {"c": 600}


def test_several_unseen_ones_share():
    got = shares({"a": sample_stats([1e-6])})
    assert set(got) == {"b", "c"}
    assert abs(got["b"] - 300) < 80


def test_an_unseen_deployment_is_tried_by_one_call_while_there_are_others():
    stats = {"a": sample_stats([1.0]), "b": sample_stats([2.0]), "c": sample_stats(in_flight=1)}
    assert shares(stats) == {"a": 600}
    assert set(shares(stats, lowest_latency_buffer=100)) == {"a", "b"}


def test_where_nobody_has_answered_yet_all_share():
    got = shares({name: sample_stats(in_flight=1 + ord(name) % 2) for name in "abc"})
    assert all(abs(got[name] - 200) < 80 for name in "abc")


def test_one_whose_samples_have_expired_is_tried_by_one_call_too():
    stats = {"a": sample_stats([9.0]), "b": sample_stats([1.0], age=4_000, in_flight=1), "c": sample_stats([8.0])}
    assert shares(stats) == {"c": 600}


def test_of_more_samples_than_it_asks_for_the_newest_count():
    stats = {"a": sample_stats([9.0] * 20 + [1.0] * 3), "b": sample_stats([1.0] * 20 + [9.0] * 3)}
    stats["c"] = sample_stats([2.0] * 23)
    assert shares(stats, max_latency_list_size=3) == {"a": 600}
    assert shares({**stats, "c": sample_stats([1.5] * 23)}, max_latency_list_size=23) == {"c": 600}


def test_deployments_over_their_limits_are_kept_from_it():
    assert LatencyBased(LatencySettings()).respects_limits


def test_a_time_out_weighs_a_thousand_seconds():
    stats = {"a": sample_stats([0.01] * 9 + [TIMED_OUT]), "b": sample_stats([5.0] * 10), "c": sample_stats([50.0] * 10)}
    assert shares(stats) == {"b": 600}


@pytest.mark.parametrize(("age", "winner"), [(3_599.0, "b"), (3_600.0, "b"), (3_601.0, "a")])
def test_samples_count_until_the_ttl_is_over(age, winner):
    stats = {"a": sample_stats([9.0], age=age), "b": sample_stats([1.0]), "c": sample_stats([2.0])}
    assert shares(stats) == {winner: 600}


def test_only_the_expired_samples_of_a_deployment_are_left_out():
    mixed = sample_stats([9.0], age=100.0)
    mixed.latencies.append((1.0, NOW - 1))
    stats = {"a": mixed, "b": sample_stats([2.0]), "c": sample_stats([3.0])}
    assert shares(stats, ttl=50) == {"a": 600}
    assert shares(stats, ttl=500) == {"b": 600}


def test_without_a_buffer_only_the_best_is_picked():
    stats = {"a": sample_stats([1.0]), "b": sample_stats([1.001]), "c": sample_stats([1.0])}
    got = shares(stats)
    assert set(got) == {"a", "c"}
    assert abs(got["a"] - 300) < 80


def test_the_buffer_is_a_share_of_the_best_and_includes_its_edge():
    stats = {"a": sample_stats([1.0]), "b": sample_stats([1.5]), "c": sample_stats([1.51])}
    assert set(shares(stats, lowest_latency_buffer=0.5)) == {"a", "b"}


def test_a_huge_buffer_picks_among_all():
    stats = {"a": sample_stats([1.0]), "b": sample_stats([2.0]), "c": sample_stats([3.0])}
    assert set(shares(stats, lowest_latency_buffer=10)) == {"a", "b", "c"}


def test_streams_go_by_the_time_to_the_first_token():
    stats = {"a": sample_stats([1.0], [0.1]), "b": sample_stats([0.1], [1.0]), "c": sample_stats([0.5], [0.5])}
    assert shares(stats, stream=True) == {"a": 600}
    assert shares(stats, stream=False) == {"b": 600}


def test_a_stream_does_not_take_a_deployment_for_new_that_only_timed_out():
    stats = {"a": sample_stats([TIMED_OUT]), "b": sample_stats([], [0.4]), "c": sample_stats([], [0.9])}
    assert shares(stats, stream=True) == {"b": 600}


def test_expired_first_tokens_do_not_count_either():
    stats = {"a": sample_stats([], [9.0], age=4_000), "b": sample_stats([], [0.4]), "c": sample_stats([], [0.9])}
    assert shares(stats, stream=True) == {"a": 600}


@pytest.mark.parametrize("percentile", [0.9, 90])
def test_a_percentile_takes_the_place_of_the_mean_for_streams_only(percentile):
    steady, spiky = [0.5] * 10, [0.1] * 8 + [2.0] * 2  # means 0.5 and 0.48, 90th percentiles 0.5 and 2.0
    stats = {"a": sample_stats(steady, steady), "b": sample_stats(spiky, spiky), "c": sample_stats([9.0], [9.0])}
    assert shares(stats, stream=True) == {"b": 600}
    assert shares(stats, stream=True, ttft_percentile=percentile) == {"a": 600}
    assert shares(stats, stream=False, ttft_percentile=percentile) == {"b": 600}


@pytest.mark.parametrize(("percentile", "winner"), [(0.01, "b"), (50, "b"), (100, "a")])
def test_percentiles_of_one_and_of_many_samples(percentile, winner):
    stats = {"a": sample_stats([], [0.5]), "b": sample_stats([], [0.1, 0.2, 0.9]), "c": sample_stats([], [9.0])}
    assert shares(stats, stream=True, ttft_percentile=percentile) == {winner: 600}


def test_the_gateway_is_told_how_many_samples_to_keep():
    assert LatencyBased(LatencySettings()).samples == 10
    assert LatencyBased(LatencySettings(max_latency_list_size=25)).samples == 25


@pytest.mark.parametrize(
    "wrong",
    [{"ttl": 0}, {"ttl": -1}, {"lowest_latency_buffer": -0.1}, {"max_latency_list_size": 0}, {"ttft_percentile": 0},
     {"ttft_percentile": 101}, {"lowest_latency_bufer": 0.1}, {"ttl": "soon"}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        LatencySettings(**wrong)


def test_the_defaults_are_the_references():
    assert LatencySettings().model_dump() == {
        "ttl": 3600, "lowest_latency_buffer": 0, "max_latency_list_size": 10, "ttft_percentile": None,
    }  # fmt: skip


def test_it_registers_under_the_name_that_configs_use():
    seen = []
    tianji_register_routing_strategies(lambda name, factory, settings=None: seen.append((name, factory, settings)))
    assert seen == [(NAME, LatencyBased, LatencySettings)]
    assert NAME == "latency-based-routing"


@pytest.mark.parametrize("stream", [False, True])
def test_a_choice_costs_a_few_microseconds(stream):
    """Measured at 2 to 3 µs; the bound leaves room for a busy machine."""
    assert measure_pick(LatencyBased(LatencySettings()), stream=stream) < 20
