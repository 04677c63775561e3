"""From the deployments of a group to the one that gets the call: filters, cooldowns, order, strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from tianji_core.api.routing import RoutingStrategy
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats

LeftOut = Callable[[Sequence[Deployment], str], None]
"""Is told of deployments that were left out, and of the reason."""

RESTS = "cooldown"
HIGHER_ORDER = "higher order"


@dataclass(frozen=True, slots=True)
class Selection:
    """How one deployment of a group is chosen. Pure: the same call and statistics give the same candidates."""

    strategy: RoutingStrategy
    filters: Mapping[str, tuple[Filter, ...]] = field(default_factory=dict)
    """By group; one that nothing has to be asked for is not in it."""

    def eligible(
        self, group: str, everyone: Sequence[Deployment], call: RoutedCall, stats: Stats, told: LeftOut | None = None
    ) -> Sequence[Deployment]:
        """Those that may have the call, whether or not they rest. `group` is the name that the rows carry.

        Raises the GatewayError of the filter that leaves none.
        """
        for each in self.filters.get(group, ()):
            kept = each.keep(everyone, call, stats)
            if told is not None and len(kept) < len(everyone):
                told([d for d in everyone if d not in kept], each.reason)
            if not kept:
                raise each.refusal(everyone, call, stats)
            everyone = kept
        return everyone

    @staticmethod
    def awake(candidates: Sequence[Deployment], stats: Stats) -> Sequence[Deployment]:
        """Those that do not rest; maybe none."""
        cooldowns = stats.cooldowns
        if not cooldowns.resting:
            return candidates
        return [d for d in candidates if not cooldowns.rests(d.id)]

    @staticmethod
    def first_order(candidates: Sequence[Deployment]) -> Sequence[Deployment]:
        """Those of the lowest `order`; groups are sorted by it."""
        order = candidates[0].order
        if candidates[-1].order == order:
            return candidates
        return [d for d in candidates if d.order == order]

    def pick(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Deployment:
        """The strategy's choice among those of the lowest order."""
        candidates = self.first_order(candidates)
        if len(candidates) == 1:
            return candidates[0]
        return cast(Deployment, self.strategy.pick(candidates, call, stats))
