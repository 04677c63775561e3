"""The routing strategy `least-busy`: the deployment with the fewest calls in flight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tianji_core import hookimpl
from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, RoutingStrategy, Snapshot

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "least-busy"


class LeastBusySettings(BaseModel):
    """The keys of `routing_strategy_args`: there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LeastBusy(RoutingStrategy):
    """Picks at random among the deployments with the fewest calls in flight."""

    def __init__(self, settings: LeastBusySettings) -> None:
        pass

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`; ties are broken by `snapshot.random`."""
        stats = snapshot.stats
        busy = [stats(candidate.id).in_flight for candidate in candidates]
        least = min(busy)
        found = [i for i, calls in enumerate(busy) if calls == least]
        return candidates[found[0] if len(found) == 1 else found[int(snapshot.random.random() * len(found))]]


@hookimpl
def tianji_register_routing_strategies(register: Register) -> None:
    register(NAME, LeastBusy, settings=LeastBusySettings)
