"""Callbacks that keys and teams have of their own, made when a call of theirs is over for the first time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tianji_core.api.callback import Callback, CallRecord
from tianji_core.telemetry.delivery import Delivery, Subscription
from tianji_core.telemetry.logs import get_logger

log = get_logger("tianji.callbacks")

MOST = 256
"""Callbacks that are open at once; the one that was not used for longest is closed for a new one."""


class OwnCallback(NamedTuple):
    """A callback as a key names it."""

    name: str
    successes: bool
    failures: bool
    values: tuple[tuple[str, str], ...]
    """Its settings."""


Make = Callable[[str, Mapping[str, str]], Callback]
"""Makes a callback of a name and settings. Raises ValueError if that cannot be; the text holds no setting."""


class OwnCallbacks:
    """Those of all keys, by name and settings: keys with the same share one."""

    def __init__(self, make: Make | None) -> None:
        self._make = make
        self._open: OrderedDict[OwnCallback, Delivery | None] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def put(self, wanted: OwnCallback, record: CallRecord) -> None:
        """Hand over a record; never waits."""
        if wanted in self._open:
            self._open.move_to_end(wanted)
            delivery = self._open[wanted]
        else:
            delivery = self._begin(wanted)
        if delivery is not None:
            delivery.put(record)

    def _begin(self, wanted: OwnCallback) -> Delivery | None:
        """Make it; one that cannot be made is remembered as such, and told of once."""
        delivery: Delivery | None = None
        try:
            if self._make is None:
                raise ValueError("this gateway was not made of a config")
            callback = self._make(wanted.name, dict(wanted.values))
            delivery = Delivery(Subscription(wanted.name, callback, wanted.successes, wanted.failures))
            delivery.start()
        except ValueError as error:
            log.warning("a key's own callback cannot be used", callback=wanted.name, reason=str(error))
        self._open[wanted] = delivery
        if len(self._open) > MOST:
            _, oldest = self._open.popitem(last=False)
            if oldest is not None:
                task = asyncio.get_running_loop().create_task(oldest.aclose(10.0))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        return delivery

    async def aclose(self, seconds: float) -> None:
        """Deliver what is queued, for at most so many seconds."""
        deliveries = [delivery for delivery in self._open.values() if delivery is not None]
        self._open.clear()
        await asyncio.gather(*(delivery.aclose(seconds) for delivery in deliveries), *self._closing)
