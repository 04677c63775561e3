"""The sink: finished calls as spans, and if wanted as metrics."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource

from tianji_callback_otel.exporters import exporter_for
from tianji_callback_otel.settings import Chosen, OtelSettings
from tianji_callback_otel.spans import SpanWriter
from tianji_core.api.callback import Callback, CallRecord


class OpenTelemetry(Callback):
    """Exports spans in batches; metrics go their own way, at their own pace."""

    def __init__(self, settings: OtelSettings) -> None:
        """Raises ValueError for settings that cannot be used."""
        chosen = Chosen(settings)
        self.wants_content = chosen.content
        self.batch_size = settings.batch_size
        self.flush_interval = settings.flush_interval
        self.deadline = settings.timeout + 5
        number = version("tianji-core")
        resource = Resource.create({**chosen.resource, "service.version": number})
        self._writer = SpanWriter(resource, number, content=chosen.content)
        self._exporter = exporter_for(chosen, settings.timeout)
        self._meters = None
        if chosen.wants_metrics:
            from tianji_callback_otel.meters import Meters

            self._meters = Meters(chosen, resource, number, settings.metric_export_interval, settings.timeout)
        self._counted: Sequence[CallRecord] | None = None

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        if self._meters is not None and self._counted is not records:  # not once more, when they are sent again
            for record in records:
                self._meters.count(record)
            self._counted = records
        spans = [span for record in records for span in self._writer.spans(record)]
        if spans:
            await self._exporter.export(spans)
        self._counted = None

    async def aclose(self) -> None:
        await self._exporter.aclose()
        meters, self._meters = self._meters, None
        if meters is not None:
            await meters.aclose()
