"""The conformance kit of routing strategies.

class TestFastest(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return Fastest(FastestSettings())
"""

from __future__ import annotations

import copy
import inspect
import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar

from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, DeploymentStats, RoutingStrategy
from tianji_core.testing.standard import Conformance, SampleCall

NOW = 1_000_000.0
"""The snapshot's monotonic time, in seconds."""


@dataclass(slots=True)
class SampleDeployment:
    """A `Deployment` made of plain values."""

    id: str
    model_name: str = "group"
    model: str = "vendor-model"
    provider_name: str = "echo"
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    tags: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None


class SampleSnapshot:
    """A `Snapshot` of what a test says the gateway has seen. Deployments not mentioned are unseen."""

    def __init__(self, stats: Mapping[str, DeploymentStats] | None = None, *, seed: int = 0, now: float = NOW) -> None:
        self.now = now
        self.random = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self.by_id = dict(stats or {})

    def stats(self, deployment_id: str) -> DeploymentStats:
        found = self.by_id.get(deployment_id)
        if found is None:
            found = self.by_id[deployment_id] = DeploymentStats()
        return found


def sample_stats(
    latencies: Sequence[float] = (), first_token: Sequence[float] = (), *, age: float = 1.0, in_flight: int = 0
) -> DeploymentStats:
    """Statistics with these samples, in seconds, all taken `age` seconds before the snapshot."""
    stats = DeploymentStats(max(10, len(latencies), len(first_token)))
    stats.in_flight = in_flight
    stats.successes = len(latencies)
    stats.latencies.extend((value, NOW - age) for value in latencies)
    stats.first_token.extend((value, NOW - age) for value in first_token)
    return stats


class RoutingStrategyConformance(Conformance, kit=True):
    """What every routing strategy promises. Subclass it, name the class `Test…`, and say how a strategy is made."""

    spreads: ClassVar[bool] = True
    """Whether equal deployments get equal shares of the calls; False for a strategy with an order of its own."""
    pick_microseconds: ClassVar[float] = 50.0
    """What a choice among 3 deployments with 10 samples each may cost."""

    @abstractmethod
    def strategy(self) -> RoutingStrategy:
        """A fresh strategy."""

    def test_it_is_a_routing_strategy_that_keeps_at_least_one_sample(self) -> None:
        strategy = self.strategy()
        assert isinstance(strategy, RoutingStrategy), f"{type(strategy).__name__} is no RoutingStrategy"
        assert isinstance(strategy.samples, int), "samples must be an int"
        assert strategy.samples >= 1, "samples must be at least 1"

    def test_pick_is_synchronous(self) -> None:
        assert not inspect.iscoroutinefunction(self.strategy().pick), "pick is on every call's way: no async def"

    def test_a_single_candidate_is_picked(self) -> None:
        only = SampleDeployment("only")
        for stats in (DeploymentStats(), sample_stats([1000.0] * 10, [1000.0] * 10), sample_stats([0.1], age=1e6)):
            assert self.strategy().pick([only], SampleCall(), SampleSnapshot({"only": stats})) is only

    def test_the_choice_is_always_one_of_the_candidates(self) -> None:
        strategy = self.strategy()
        for seed in range(300):
            candidates, snapshot = random_scene(seed)
            for stream in (False, True):
                chosen = strategy.pick(candidates, SampleCall(stream=stream), snapshot)
                assert any(chosen is candidate for candidate in candidates), f"{chosen!r} was not a candidate"

    def test_candidates_may_be_a_tuple(self) -> None:
        candidates = (SampleDeployment("a"), SampleDeployment("b"))
        assert self.strategy().pick(candidates, SampleCall(), SampleSnapshot()) in candidates

    def test_nothing_it_is_shown_is_changed(self) -> None:
        strategy = self.strategy()
        for seed in range(50):
            candidates, snapshot = random_scene(seed)
            call = SampleCall(stream=bool(seed % 2), tags=("a",))
            for candidate in candidates:
                snapshot.stats(candidate.id)  # made on first sight; that is no change of the strategy's
            before = _state(candidates, call, snapshot)
            strategy.pick(candidates, call, snapshot)
            assert _state(candidates, call, snapshot) == before, "pick changed a candidate, the call or the statistics"

    def test_the_same_seed_makes_the_same_choices(self) -> None:
        first, second = (_choices(self.strategy(), seed=7) for _ in range(2))
        assert first == second, "two fresh strategies with the same snapshot and seed chose differently"

    def test_chance_comes_from_the_snapshot_alone(self) -> None:
        before = random.getstate()
        _choices(self.strategy(), seed=1)
        assert random.getstate() == before, "use snapshot.random, not the module's global generator"

    def test_unseen_deployments_are_no_trouble(self) -> None:
        candidates = [SampleDeployment(f"d{i}") for i in range(5)]
        for stream in (False, True):
            chosen = self.strategy().pick(candidates, SampleCall(stream=stream), SampleSnapshot())
            assert any(chosen is candidate for candidate in candidates)

    def test_missing_and_odd_numbers_are_no_trouble(self) -> None:
        odd = [
            SampleDeployment("a", weight=0.0, rpm=0, tpm=0),
            SampleDeployment("b", weight=1e-9, rpm=1, input_cost_per_token=0.0, output_cost_per_token=1e9),
            SampleDeployment("c", tpm=10**12, tags=("x",), info={"id": "c", "nested": {"a": []}}),
        ]
        stats = {"a": sample_stats([0.0] * 10, [0.0] * 10), "b": sample_stats([1e9]), "c": sample_stats([], [1e-12])}
        for stream in (False, True):
            chosen = self.strategy().pick(odd, SampleCall(stream=stream), SampleSnapshot(stats))
            assert any(chosen is candidate for candidate in odd)

    def test_equal_unseen_deployments_get_fair_shares(self) -> None:
        self._fair({})

    def test_equal_seen_deployments_get_fair_shares(self) -> None:
        self._fair({f"d{i}": sample_stats([0.02] * 10, [0.3] * 10) for i in range(4)})

    def test_expired_samples_are_no_trouble_and_no_unfairness(self) -> None:
        self._fair({f"d{i}": sample_stats([0.02] * 10, [0.3] * 10, age=10 * 86_400) for i in range(4)})

    def test_a_thousand_candidates_are_no_trouble(self) -> None:
        candidates = [SampleDeployment(f"d{i}") for i in range(1_000)]
        snapshot = SampleSnapshot({f"d{i}": sample_stats([0.01 + i / 1e5] * 10, [0.3] * 10) for i in range(1_000)})
        started = perf_counter()
        chosen = self.strategy().pick(candidates, SampleCall(), snapshot)
        seconds = perf_counter() - started
        assert any(chosen is candidate for candidate in candidates)
        assert seconds < 0.05, f"one choice among 1,000 deployments took {seconds * 1e3:.1f} ms"

    def test_a_choice_is_quick(self) -> None:
        microseconds = measure_pick(self.strategy())
        assert microseconds <= self.pick_microseconds, f"a choice takes {microseconds:.1f} µs"

    def _fair(self, stats: dict[str, DeploymentStats]) -> None:
        """4,000 choices among 4 equals: each share within 200 of 1,000, which chance alone misses once in 10^12."""
        strategy, snapshot = self.strategy(), SampleSnapshot(stats)
        candidates = [SampleDeployment(f"d{i}") for i in range(4)]
        call = SampleCall()
        shares = Counter(strategy.pick(candidates, call, snapshot).id for _ in range(4_000))
        if self.spreads:
            assert all(abs(shares[candidate.id] - 1_000) < 200 for candidate in candidates), f"unfair: {dict(shares)}"


def random_scene(seed: int) -> tuple[list[SampleDeployment], SampleSnapshot]:
    """Up to 8 deployments with weights, limits and samples of every kind; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    candidates, stats = [], {}
    for number in range(dice.randint(1, 8)):
        candidate = SampleDeployment(
            f"d{number}",
            weight=dice.choice((None, 0.0, 1.0, 7.5)),
            rpm=dice.choice((None, 1, 600)),
            tpm=dice.choice((None, 100_000)),
            input_cost_per_token=dice.choice((None, 0.0, 2.5e-6)),
            output_cost_per_token=dice.choice((None, 0.0, 1e-5)),
        )
        candidates.append(candidate)
        if dice.random() < 0.8:
            count, age = dice.randint(0, 10), dice.choice((0.0, 30.0, 3_599.0, 3_601.0, 1e6))
            values = [dice.choice((0.0, 0.01, 0.5, 1_000.0)) for _ in range(count)]
            stats[candidate.id] = sample_stats(values, values[: count // 2], age=age, in_flight=dice.randint(0, 9))
    return candidates, SampleSnapshot(stats, seed=seed)


def measure_pick(strategy: RoutingStrategy, *, stream: bool = False) -> float:
    """Microseconds of one choice among 3 deployments with 10 samples each: the best of 20 rounds."""
    candidates = [SampleDeployment(f"d{i}") for i in range(3)]
    snapshot = SampleSnapshot({f"d{i}": sample_stats([0.02 + i / 1e3] * 10, [0.3 + i] * 10) for i in range(3)})
    call: CallView = SampleCall(stream=stream)
    rounds = []
    for _ in range(20):
        started = perf_counter()
        for _ in range(100):
            strategy.pick(candidates, call, snapshot)
        rounds.append((perf_counter() - started) / 100)
    return min(rounds) * 1e6


def _choices(strategy: RoutingStrategy, seed: int) -> list[str]:
    candidates, snapshot = random_scene(seed)
    candidates = [*candidates, SampleDeployment("new-1"), SampleDeployment("new-2")]
    return [strategy.pick(candidates, SampleCall(stream=bool(i % 2)), snapshot).id for i in range(200)]


def _state(candidates: Sequence[Deployment], call: SampleCall, snapshot: SampleSnapshot) -> Any:
    stats = {
        name: (s.in_flight, s.successes, s.failures, list(s.latencies), list(s.first_token))
        for name, s in snapshot.by_id.items()
    }
    return copy.deepcopy((list(candidates), call, stats))
