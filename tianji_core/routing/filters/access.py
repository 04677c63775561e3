"""Deployments that not everybody may use, or nobody."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_core.api.errors import GatewayError, NotFoundError, PermissionDeniedError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats


class AccessFilter(Filter):
    """Leaves out deployments whose `model_info.team_id` is another team's. Administrators may use all of them."""

    reason = "belongs to another team"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        principal = call.principal
        if principal.is_admin:
            return candidates
        return [d for d in candidates if d.info.get("team_id") in (None, principal.team_id)]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return PermissionDeniedError(f"Model {call.model!r} belongs to another team.", param="model")


class BlockedFilter(Filter):
    """Leaves out deployments that an administrator has taken out of use (`model_info.blocked`)."""

    reason = "blocked"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        return [d for d in candidates if not d.info.get("blocked")]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        return NotFoundError(f"Model {call.model!r} is out of use.", param="model")
