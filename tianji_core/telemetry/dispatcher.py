"""Finished calls on their way to the callbacks, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from tianji_core.api.callback import CallRecord, GatewayEvent
from tianji_core.telemetry.delivery import Delivery, Subscription
from tianji_core.telemetry.logs import get_logger
from tianji_core.telemetry.own import Make, OwnCallback, OwnCallbacks

MOST_MASKING = 5000
"""Records that may wait for what is to be masked in them."""
CLOSE_DEADLINE = 10.0
"""Seconds for the queues to empty, and then for each callback to close, at shutdown."""


log = get_logger("tianji.callbacks")


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
        self._masking: set[asyncio.Future[CallRecord]] = set()
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

    def put_later(
        self,
        record: CallRecord,
        masked: Coroutine[Any, Any, CallRecord],
        without: frozenset[str] = frozenset(),
        own: Sequence[OwnCallback] = (),
    ) -> None:
        """Hand over what `masked` makes of a record, once it is made; without any content, if it cannot be."""
        bare = replace(record, request=None, response=None)
        if len(self._masking) >= MOST_MASKING:
            masked.close()
            self.put(bare, without, own)
            return

        def put(done: asyncio.Future[CallRecord]) -> None:
            self._masking.discard(done)
            failed = done.cancelled() or done.exception() is not None
            if failed:
                log.warning("a record could not be masked, its content is left out", call_id=record.id)
            self.put(bare if failed else done.result(), without, own)

        task = asyncio.ensure_future(masked)
        self._masking.add(task)
        task.add_done_callback(put)

    def tell(self, event: GatewayEvent) -> None:
        """Hand over an event to those who want to know of its kind; never waits."""
        for delivery in self._listening:
            kinds = delivery.subscription.callback.event_kinds
            if event.kind in kinds or "*" in kinds:
                delivery.tell(event)

    async def aclose(self) -> None:
        """Deliver what is queued, within a deadline, and close the callbacks."""
        if self._masking:
            _, late = await asyncio.wait(self._masking, timeout=CLOSE_DEADLINE)
            for task in late:
                task.cancel()
            await asyncio.sleep(0)
        deliveries = (delivery.aclose(CLOSE_DEADLINE) for delivery in self.deliveries)
        await asyncio.gather(*deliveries, self.own.aclose(CLOSE_DEADLINE))
