"""Who does a batch: a vendor that takes batches, or the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tianji_core.gateway.call import Call

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment


class Choice(NamedTuple):
    """A deployment whose vendor does batches, the vendor's name of the model, and the one that the lines ask for."""

    deployment: Deployment
    model: str
    group: str


def at_vendor(gateway: Gateway, model: str, provider: str | None) -> Choice | None:
    """Where a batch for this model goes; None if the gateway does it itself.

    Rows that are for batches (`mode: batch`) come first, then those of the lowest `order`. `provider` is the one that
    the caller has named.
    """
    target = gateway.pipeline.models.resolve(model)
    if target is None:
        return None
    general = gateway.config.general_settings.batches_by
    able = [row for row in target.deployments if is_of(row, provider) and _may(row, general)]
    if not able:
        return None
    best = min(able, key=lambda row: (row.info.get("mode") != "batch", row.order))
    return Choice(best, target.upstream_model(best), model)


def _may(row: Deployment, general: str) -> bool:
    """Whether a row's vendor does batches, and may do this one; `general` is what the config says of all."""
    api = row.provider.batch_api
    if api is None or row.mock_response is not None or (row.info.get("batches_by") or general) != "vendor":
        return False
    return row.info.get("mode") == "batch" or not api.own_rows


def is_of(row: Deployment, provider: str | None) -> bool:
    """Whether a row is of the provider that somebody has named, if he has."""
    return provider in (None, row.provider_name, row.provider.name)


def is_watched(gateway: Gateway, call: Call) -> bool:
    """Whether a guardrail looks at this call or a policy changes it, so that no vendor may have it unseen."""
    return gateway.pipeline.watches(call)
