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
        for weights in (
            [d.weight or 0 for d in candidates],
            [d.rpm or 0 for d in candidates],
            [d.tpm or 0 for d in candidates],
        ):
            if any(weights):
                return snapshot.random.choices(candidates, weights)[0]
        return snapshot.random.choice(candidates)
