"""Finished calls on their way to the callbacks, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tianji_core.api.callback import CallRecord, GatewayEvent
from tianji_core.telemetry.delivery import Delivery, Subscription
from tianji_core.telemetry.own import Make, OwnCallback, OwnCallbacks

CLOSE_DEADLINE = 10.0
"""Seconds for the queues to empty, and then for each callback to close, at shutdown."""


class CallbackDispatcher:
    """Tells the callbacks. Each has a queue of its own: a slow one does not hold up the others."""

    def __init__(self, subscriptions: Sequence[Subscription], make: Make | None = None) -> None:
        """`make` makes the callbacks that keys name."""
        self.subscriptions = tuple(subscriptions)
        self.deliveries = tuple(map(Delivery, subscriptions))
        self.wants_content = any(s.callback.wants_content for s in subscriptions)
        self.active = bool(subscriptions)
        """Whether anybody listens."""
        self.header_prefixes = tuple({p.encode() for s in subscriptions for p in s.callback.header_prefixes})
        """Header fields of requests that some callback wants to see."""
        self.own = OwnCallbacks(make)
        """Those of single keys."""
        self._listening = tuple(d for d in self.deliveries if d.subscription.callback.event_kinds)

    @property
    def wants_events(self) -> bool:
        """Whether some callback wants to know of anything."""
        return bool(self._listening)

    def wants(self, kind: str) -> bool:
        """Whether some callback wants to know of events of this kind."""
        return any({kind, "*"} & d.subscription.callback.event_kinds for d in self._listening)

    @property
    def dropped(self) -> int:
        """Records of all callbacks that were lost because there were too many, or no time."""
        return sum(d.dropped for d in self.deliveries)

    @property
    def failed(self) -> int:
        """Records of all callbacks that these would not have."""
        return sum(d.failed for d in self.deliveries)

    def start(self) -> None:
        """Begin to deliver; needs a running loop."""
        for delivery in self.deliveries:
            delivery.start()

    def put(self, record: CallRecord, without: frozenset[str] = frozenset(), own: Sequence[OwnCallback] = ()) -> None:
        """Hand over a record; never waits. `without`: names (in lower case) that are not told, `own`: those of the
        caller's key, which are told as well."""
        for delivery in self.deliveries:
            if not without or delivery.subscription.name.lower() not in without:
                delivery.put(record)
        for each in own:
            self.own.put(each, record)

    def tell(self, event: GatewayEvent) -> None:
        """Hand over an event to those who want to know of its kind; never waits."""
        for delivery in self._listening:
            kinds = delivery.subscription.callback.event_kinds
            if event.kind in kinds or "*" in kinds:
                delivery.tell(event)

    async def aclose(self) -> None:
        """Deliver what is queued, within a deadline, and close the callbacks."""
        deliveries = (delivery.aclose(CLOSE_DEADLINE) for delivery in self.deliveries)
        await asyncio.gather(*deliveries, self.own.aclose(CLOSE_DEADLINE))
