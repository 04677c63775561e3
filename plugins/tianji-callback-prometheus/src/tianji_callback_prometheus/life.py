"""What runs beside a gateway: in one of several processes its own numbers are written down every few seconds, for the
process that happens to be asked; and the labels learn what the config names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

from tianji_callback_prometheus import multiprocess
from tianji_callback_prometheus.operator import Publisher
from tianji_callback_prometheus.recorder import Recorder

EVERY = 5.0
"""Seconds between two notes of the gateway's own numbers."""
_publishers: WeakKeyDictionary[Recorder, Publisher] = WeakKeyDictionary()


def publisher_of(recorder: Recorder) -> Publisher:
    """What notes the gateway's numbers under the settings of a recorder."""
    found = _publishers.get(recorder)
    if found is None:
        found = _publishers[recorder] = Publisher(recorder.settings)
    return found


@asynccontextmanager
async def life(gateway: Any) -> AsyncIterator[None]:
    """From a gateway's start to its end."""
    from tianji_callback_prometheus.exposition import recorders_of

    recorders = recorders_of(gateway)
    models = gateway.pipeline.models
    for recorder in recorders:
        recorder.labels.knows = lambda name: models.resolve(name) is not None
        recorder.labels.bases = {each.id: each.api_base for each in models.deployments}
    noting = None
    if recorders and multiprocess.is_shared():
        noting = asyncio.get_running_loop().create_task(_note(gateway, recorders))
    try:
        yield
    finally:
        if noting is not None:
            noting.cancel()
            with suppress(asyncio.CancelledError):
                await noting


async def _note(gateway: Any, recorders: list[Recorder]) -> None:
    while True:
        families = gateway.metrics()
        for recorder in recorders:
            publisher_of(recorder).publish(families)
        await asyncio.sleep(EVERY)
