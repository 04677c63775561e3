"""From a gateway's start to its end: it goes on counting where the one before it was, labels learn what the config
names, and one of several processes writes the gateway's own numbers down for the one that is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from tianji_callback_prometheus import multiprocess
from tianji_callback_prometheus.callback import Prometheus
from tianji_callback_prometheus.operator import Publisher
from tianji_callback_prometheus.recorder import Recorder

EVERY = 5.0
"""Seconds between two notes of the gateway's own numbers."""
_running: dict[str, tuple[Recorder, int]] = {}
"""What gateways that run count into, by its settings, and how many of them do: after a reload two, for a while."""
_publishers: WeakKeyDictionary[Recorder, Publisher] = WeakKeyDictionary()
_noting: set[asyncio.Task[None]] = set()


def callbacks_of(gateway: Any) -> list[Prometheus]:
    """Those that the config of a gateway names."""
    found = (subscription.callback for subscription in gateway.pipeline.callbacks.subscriptions)
    return [callback for callback in found if isinstance(callback, Prometheus)]


def recorders_of(gateway: Any) -> list[Recorder]:
    """What they count into, each once."""
    return list(dict.fromkeys(callback.recorder for callback in callbacks_of(gateway)))


def publisher_of(recorder: Recorder) -> Publisher:
    """What notes the gateway's numbers under the settings of a recorder."""
    found = _publishers.get(recorder)
    if found is None:
        found = _publishers[recorder] = Publisher(recorder.settings)
    return found


@asynccontextmanager
async def life(gateway: Any) -> AsyncIterator[None]:
    """From a gateway's start to its end."""
    callbacks = callbacks_of(gateway)
    for callback in callbacks:
        callback.recorder = _join(callback.recorder)
    recorders = recorders_of(gateway)
    models = gateway.pipeline.models
    for recorder in recorders:
        recorder.labels.knows = lambda name: models.resolve(name) is not None
        recorder.labels.bases = {each.id: each.api_base for each in models.deployments}
    if recorders and multiprocess.is_shared():
        _stop_noting()  # for the gateway before
        _noting.add(asyncio.get_running_loop().create_task(_note(gateway, recorders)))
    try:
        yield
    finally:
        for callback in callbacks:
            _leave(callback.recorder)
        if not _running:
            _stop_noting()


def _join(recorder: Recorder) -> Recorder:
    """The recorder to count into: the one in use with these settings, else this one."""
    key = recorder.settings.model_dump_json()
    used, users = _running.get(key, (recorder, 0))
    _running[key] = used, users + 1
    return used


def _leave(recorder: Recorder) -> None:
    key = recorder.settings.model_dump_json()
    used, users = _running.pop(key)
    if users > 1:
        _running[key] = used, users - 1


async def _note(gateway: Any, recorders: list[Recorder]) -> None:
    while True:
        families = gateway.metrics()
        for recorder in recorders:
            publisher_of(recorder).publish(families)
        await asyncio.sleep(EVERY)


def _stop_noting() -> None:
    while _noting:
        _noting.pop().cancel()
