"""What a routing strategy promises inside the gateway, behind its filters and cooldowns. A part of the routing kit."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections import Counter
from math import sqrt
from typing import ClassVar

from tianji_core.api.errors import RateLimitError
from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing.routing_scenes import (
    Scene,
    expected_shares,
    random_group,
    sample_row,
    within_a_minute,
)
from tianji_core.testing.standard import Conformance

SIGMAS = 6.0
"""Standard deviations that a share may be off. A fair draw misses that once in 10^9, and seeds are fixed anyway."""


class SelectionConformance(Conformance, kit=True):
    """The tests of a strategy in the gateway's own selection. `RoutingStrategyConformance` has them all."""

    spreads: ClassVar[bool] = True
    """Whether equal deployments get equal shares of the calls; False for a strategy with an order of its own."""
    weighs: ClassVar[bool] = False
    """Whether the shares are those of the rows' `weight`."""

    @abstractmethod
    def strategy(self) -> RoutingStrategy:
        """A fresh strategy."""

    def test_in_the_gateway_there_is_a_choice_whenever_there_is_a_candidate(self) -> None:
        for seed in range(120):
            scene = random_group(self.strategy(), seed)
            for _ in range(6):
                try:
                    eligible = scene.eligible()
                except RateLimitError:
                    break  # all are used up, or have as many calls as they may
                chosen = scene.pick()
                assert any(chosen is row for row in eligible), f"{chosen.id} was kept from this call"
                awake = scene.selection.awake(eligible, scene.stats)
                assert not awake or any(chosen is row for row in awake), f"{chosen.id} rests, and others do not"
                assert chosen.order == min(row.order for row in awake or eligible), "a lower order was to be had"
                scene.fail(chosen)

    def test_in_the_gateway_a_deployment_that_fails_is_left_alone(self) -> None:
        scene = Scene(self.strategy(), [sample_row(f"d{i}", weight=1.0) for i in range(3)])
        tried = 0
        for _ in range(300):
            chosen = scene.pick()
            if chosen.id == "d1":
                tried += 1
                scene.fail(chosen, at_once=False)
            else:
                scene.answer()
        assert tried <= 5, f"a deployment that always fails got {tried} of 300 calls"

    def test_in_the_gateway_limits_hold(self) -> None:
        """With `respects_limits` every call that there is room for is served, and no other; without, all are."""

        def run() -> tuple[int, Scene]:
            limits = ({"rpm": 5}, {"rpm": 40}, {"tpm": 200}, {"rpm": 7, "tpm": 5_000})
            rows = [sample_row(f"d{i}", weight=1.0, **limit) for i, limit in enumerate(limits)]
            scene = Scene(self.strategy(), rows)
            for served in range(200):
                try:
                    scene.answer(tokens=10)
                except RateLimitError:
                    return served, scene
            return 200, scene

        served, scene = within_a_minute(run)
        if not scene.selection.strategy.respects_limits:
            assert served == 200, "a call was refused"
            return
        requests = [scene.stats.stats(row.id).requests for row in scene.rows]
        assert requests == [5, 40, 20, 7], f"rpm 5, rpm 40, 200 tokens of 10 and rpm 7 became {requests} calls"
        assert served == sum(requests)

    def test_in_the_gateway_equals_get_fair_shares_over_time(self) -> None:
        scene = Scene(self.strategy(), [sample_row(f"d{i}", weight=1.0) for i in range(4)], seed=3)
        calls = 800
        shares = Counter(scene.answer().id for _ in range(calls))
        assert sum(shares.values()) == calls
        if self.spreads:
            slack = SIGMAS * sqrt(calls * 0.25 * 0.75)
            assert all(abs(shares[row.id] - calls / 4) <= slack for row in scene.rows), f"unfair: {dict(shares)}"

    def test_in_the_gateway_shares_are_as_weights_say(self) -> None:
        dice = random.Random(11)  # noqa: S311 - reproducible on purpose
        calls = 2_000
        for seed in range(8):
            weights = [dice.choice((0.1, 1.0, 2.5, 9.0, dice.random() * 100)) for _ in range(dice.randint(2, 6))]
            rows = [sample_row(f"d{i}", weight=weight) for i, weight in enumerate(weights)]
            scene = Scene(self.strategy(), [*rows, sample_row("without")], seed=seed)
            shares = Counter(scene.pick().id for _ in range(calls))
            assert sum(shares.values()) == calls
            if not self.weighs:
                continue
            for identifier, share in expected_shares(scene.rows).items():
                slack = SIGMAS * sqrt(calls * share * (1 - share))
                off = abs(shares[identifier] - calls * share)
                assert off <= slack, f"{identifier} should get {share:.1%} of the calls and got {shares[identifier]}"
