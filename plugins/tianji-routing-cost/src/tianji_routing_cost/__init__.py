"""The routing strategy `cost-based-routing`: the cheapest deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tianji_core import hookimpl
from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, RoutingStrategy, Snapshot

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "cost-based-routing"
UNKNOWN = 5.0
"""US dollars a token that a price which nobody knows counts as: more than any model costs."""


class CostSettings(BaseModel):
    """The keys of `routing_strategy_args`: there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CostBased(RoutingStrategy):
    """Picks at random among the deployments with the lowest price: of a prompt token and one of the answer together."""

    respects_limits = True

    def __init__(self, settings: CostSettings) -> None:
        pass

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        """One of `candidates`; ties are broken by `snapshot.random`."""
        costs = [cost_of(candidate) for candidate in candidates]
        least = min(costs)
        cheap = [i for i, cost in enumerate(costs) if cost == least]
        return candidates[cheap[0] if len(cheap) == 1 else cheap[int(snapshot.random.random() * len(cheap))]]


def cost_of(deployment: Deployment) -> float:
    """US dollars for a token of the prompt and one of the answer."""
    read, written = deployment.input_cost_per_token, deployment.output_cost_per_token
    return (UNKNOWN if read is None else read) + (UNKNOWN if written is None else written)


@hookimpl
def tianji_register_routing_strategies(register: Register) -> None:
    register(NAME, CostBased, settings=CostSettings)
