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
_recorders: dict[str, tuple[Recorder, int]] = {}
"""Those in use, by their settings, and how many callbacks use each: a gateway and the one that takes its place count
into the same."""


class Prometheus(Callback):
    """Adds finished calls up; `GET /metrics` shows the sums."""

    batch_size = 500
    flush_interval = 0.25

    def __init__(self, settings: PrometheusSettings) -> None:
        self._key = settings.model_dump_json()
        recorder, users = _recorders.get(self._key, (None, 0))
        if recorder is None:
            # A second series for each, which nobody reads.
            disable_created_metrics()  # type: ignore[no-untyped-call]
            if multiprocess.is_shared():
                multiprocess.make_directory()
                recorder = Recorder(settings, None)
            else:
                recorder = Recorder(settings, CollectorRegistry(auto_describe=False))
        _recorders[self._key] = recorder, users + 1
        self.recorder = recorder
        self._closed = False

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        """Count them. A record that cannot be counted is logged, and costs the others nothing."""
        for number, record in enumerate(records, start=1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                self.recorder.record(record)
            except Exception:
                log.exception("a call was not counted, call_id=%s", record.id)

    async def aclose(self) -> None:
        """The last one that counts there forgets the numbers."""
        if self._closed:
            return
        self._closed = True
        recorder, users = _recorders[self._key]
        if users > 1:
            _recorders[self._key] = recorder, users - 1
        else:
            del _recorders[self._key]
