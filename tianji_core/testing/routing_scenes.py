"""A model group as the gateway has it, for the kit of routing strategies: real rows, statistics, filters, cooldowns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from tianji_core.api.errors import InternalServerError, RateLimitError
from tianji_core.api.routing import RoutingStrategy
from tianji_core.routing import CooldownRules, Deployment, Selection, Stats
from tianji_core.routing.filters import Filter, LimitFilter, ParallelFilter
from tianji_core.testing.standard import SampleCall
from tianji_core.transport import Timeouts

GROUP = "group"
LONG = 3600.0
"""Seconds that a deployment rests here: no test waits for the end of it."""
T = TypeVar("T")


def sample_row(identifier: str, **fields: Any) -> Deployment:
    """A deployment as the gateway compiles them, without a vendor behind it."""
    nobody = cast(Any, None)
    return Deployment(
        id=identifier,
        model_name=GROUP,
        model="vendor-model",
        provider_name="echo",
        provider=nobody,
        transport=nobody,
        network=nobody,
        timeouts=Timeouts(),
        stream_timeouts=Timeouts(),
        **fields,
    )


class Scene:
    """One group under one strategy. Calls are answered at once, with the numbers that a test gives."""

    def __init__(self, strategy: RoutingStrategy, rows: Sequence[Deployment], *, seed: int = 0) -> None:
        self.rows = tuple(sorted(rows, key=lambda d: d.order))
        self.stats = Stats(strategy.samples, random.Random(seed))  # noqa: S311 - reproducible on purpose
        filters: list[Filter] = [ParallelFilter()]
        if strategy.respects_limits:
            filters.insert(0, LimitFilter())
        self.selection = Selection(strategy, {GROUP: tuple(filters)})
        everyone = tuple(d.id for d in self.rows)
        peers = {each: tuple(other for other in everyone if other != each) for each in everyone}
        self.stats.cooldowns.rules = CooldownRules(seconds=LONG, peers=peers)
        self.call = cast(Any, SampleCall())

    def eligible(self) -> Sequence[Deployment]:
        """Those that the filters leave. Raises RateLimitError if they leave none."""
        return self.selection.eligible(GROUP, self.rows, self.call, self.stats)

    def pick(self) -> Deployment:
        """The choice, made as for a call; RateLimitError if the filters leave nobody to choose from."""
        eligible = self.eligible()
        awake = self.selection.awake(eligible, self.stats) or eligible
        return self.selection.pick(GROUP, awake, self.call, self.stats)

    def answer(self, seconds: float = 0.5, tokens: int = 8) -> Deployment:
        """A call that its deployment answers. The numbers given are such that their means are exact."""
        chosen = self.pick()
        self.stats.began(chosen.id)
        self.stats.succeeded(chosen.id, seconds, tokens, 0.125, tokens)
        return chosen

    def fail(self, deployment: Deployment, *, at_once: bool = True) -> None:
        """A call that a deployment fails; `at_once` so that it rests from then on, if another one does not."""
        self.stats.began(deployment.id)
        error = RateLimitError("Too many.") if at_once else InternalServerError("It is ill.")
        self.stats.failed(deployment.id, error)


def random_group(strategy: RoutingStrategy, seed: int) -> Scene:
    """Up to 8 deployments with weights, orders, limits, prices and a past of every kind; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    rows = [
        sample_row(
            f"d{number}",
            weight=dice.choice((None, None, 0.0, 1.0, 7.5)),
            rpm=dice.choice((None, None, 3, 600)),
            tpm=dice.choice((None, None, 50, 100_000)),
            max_parallel=dice.choice((None, None, 2)),
            order=dice.choice((1, 1, 1, 2)),
            input_cost_per_token=dice.choice((None, 0.0, 2.5e-6)),
            output_cost_per_token=dice.choice((None, 1e-5)),
        )
        for number in range(dice.randint(1, 8))
    ]
    scene = Scene(strategy, rows, seed=seed)
    for row in rows:
        for _ in range(dice.choice((0, 1, 4))):
            scene.stats.began(row.id)
            seconds, tokens = dice.choice((0.0, 0.5, 60.0)), dice.choice((0, 20))
            scene.stats.succeeded(row.id, seconds, tokens, 0.2, tokens)
        for _ in range(dice.choice((0, 0, 1, 2))):
            scene.stats.began(row.id)
        if dice.random() < 0.25:
            scene.fail(row)
    return scene


def within_a_minute(run: Callable[[], T]) -> T:
    """What `run` returns; it is run again if a minute of UTC began meanwhile, with which limits begin anew."""
    while True:
        minute = int(time.time()) // 60
        found = run()
        if int(time.time()) // 60 == minute:
            return found


def expected_shares(rows: Sequence[Deployment]) -> Mapping[str, float]:
    """The share of the calls that each row's `weight` asks for."""
    total = sum(d.weight or 0.0 for d in rows)
    return {d.id: (d.weight or 0.0) / total for d in rows}
