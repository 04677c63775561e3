"""The built-in strategy: a weighted draw."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_core.api.call import CallView
from tianji_core.api.routing import Deployment, RoutingStrategy, Snapshot


class SimpleShuffle(RoutingStrategy):
    """`simple-shuffle`: at random by `weight`; if no deployment has one by `rpm`, then `tpm`, else all alike.

    As soon as one deployment has a weight, those without are never drawn (the reference's rule).
    """

    def pick(self, candidates: Sequence[Deployment], call: CallView, snapshot: Snapshot) -> Deployment:
        if len(candidates) == 1:
            return candidates[0]
        weights: list[float] = [d.weight or 0 for d in candidates]
        if not any(weights):
            weights = [d.rpm or 0 for d in candidates]
            if not any(weights):
                weights = [d.tpm or 0 for d in candidates]
                if not any(weights):
                    return snapshot.random.choice(candidates)
        return snapshot.random.choices(candidates, weights)[0]
