"""The callback: counts finished calls. What was counted outlives a reload."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, disable_created_metrics

from tianji_callback_prometheus import multiprocess
from tianji_callback_prometheus.recorder import Recorder
from tianji_callback_prometheus.settings import PrometheusSettings
from tianji_core.api.callback import Callback, CallRecord

log = logging.getLogger(__name__)

AT_ONCE = 10
"""Records after which calls get their turn: a tenth of a millisecond."""


class Prometheus(Callback):
    """Adds finished calls up; `GET /metrics` shows the sums."""

    batch_size = 500
    flush_interval = 0.25

    def __init__(self, settings: PrometheusSettings) -> None:
        """Raises OSError if the files of several processes have no place."""
        # A second series for each, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        if multiprocess.is_shared():
            multiprocess.make_directory()
        registry = None if multiprocess.is_shared() else CollectorRegistry(auto_describe=False)
        self.recorder = Recorder(settings, registry)
        """What it counts into; that of the gateway before, once this one runs and if the settings are the same."""

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        """Count them. A record that cannot be counted is logged, and costs the others nothing."""
        for number, record in enumerate(records, start=1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                self.recorder.record(record)
            except Exception:
                log.exception("a call was not counted, call_id=%s", record.id)

    async def check(self) -> None:
        """There is no sink: `GET /metrics` is asked, and a trial must not be counted."""
