"""Where a model runs: callers that may only have one region are kept out of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.stats import Stats

ALLOWED = "allowed_model_region"
"""Key of a principal's metadata: the region that its calls may go to, `eu` or `us` or a vendor's name of one."""

_NAMES = ("region", "region_name", "aws_region_name", "vertex_location", "watsonx_region_name")


def region_of(params: Mapping[str, Any], info: Mapping[str, Any]) -> str | None:
    """A row's region as its vendor calls it: `model_info.region`, or the setting that says where the model runs."""
    found = info.get("region") or next(filter(None, map(params.get, _NAMES)), None)
    return found.lower() if isinstance(found, str) else None


class RegionFilter(Filter):
    """Keeps deployments in the region that the caller is confined to. One whose region is unknown is not in it."""

    reason = "region"

    def keep(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> Sequence[Deployment]:
        allowed = call.principal.metadata.get(ALLOWED)
        if not isinstance(allowed, str):
            return candidates
        allowed = allowed.lower()
        return [d for d in candidates if d.region is not None and _lies_in(d.region, allowed)]

    def refusal(self, candidates: Sequence[Deployment], call: RoutedCall, stats: Stats) -> GatewayError:
        allowed = call.principal.metadata.get(ALLOWED)
        return BadRequestError(f"No deployment of model {call.model!r} is in the region {allowed!r}.", param="model")


def _lies_in(region: str, allowed: str) -> bool:
    """Vendors name regions `eu-west-1`, `europe-west4`, `us-east-1`, `us-central1`, or by the place alone."""
    if region == allowed:
        return True
    head = region.partition("-")[0]
    return ("eu" if head == "europe" else head) == allowed
