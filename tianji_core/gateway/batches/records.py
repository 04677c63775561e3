"""The record of a batch that a vendor did: one for all its lines, which the vendor bills together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core.api.call import Principal
from tianji_core.api.callback import Cost
from tianji_core.gateway.batches.calls import ENDPOINTS
from tianji_core.gateway.call import Call
from tianji_core.gateway.limits import Reservation
from tianji_core.store.objects import StoredObject

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway


def record(gateway: Gateway, batch: StoredObject, principal: Principal) -> None:
    """Write down that a batch is over, with what its lines have used together."""
    data = batch.data
    native = data["native"]
    call = Call(
        ENDPOINTS[data["endpoint"]].operation,
        native["group"],
        {},
        principal=principal,
        kind="batches",
        route=data["endpoint"],
        metadata={**(data["metadata"] or {}), "batch_id": batch.id, "request_counts": data["counts"]},
        started_at=batch.created_at,
    )
    call.group, call.upstream_model = native["group"], native["model"]
    call.deployment = gateway.targets.find(native["deployment"], native["account"])
    used = data.get("usage")
    if used is not None:
        prompt, answer = used.get("prompt_tokens", 0), used.get("completion_tokens", 0)
        call.usage = {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {"cached_tokens": used.get("cached_tokens", 0)},
            "completion_tokens_details": {"reasoning_tokens": used.get("reasoning_tokens", 0)},
        }
        # Added up line by line: how long a prompt was, and with it its price, no sum tells.
        costs = data.get("costs") or [None]
        if costs[0] is not None:
            call.cost = Cost(**costs[0])
        else:
            call.unpriced = "no price is known for some of the lines"
    call.batched = True
    pipeline = gateway.pipeline
    pipeline.end(call, None, Reservation(pipeline.limits, call))
