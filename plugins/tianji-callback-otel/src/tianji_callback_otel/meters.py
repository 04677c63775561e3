"""Metrics of calls by the official SDK (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/)."""

from __future__ import annotations

import asyncio
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from tianji_callback_otel.attributes import operation_of, provider_of
from tianji_callback_otel.settings import Chosen
from tianji_core.api.callback import CallRecord

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**exponent for exponent in range(14))
_DOLLARS = tuple(1e-6 * 4**exponent for exponent in range(16))


class Meters:
    """The instruments. Attributes are operation, provider, models and the kind of error: few values each."""

    def __init__(self, chosen: Chosen, resource: Resource, version: str, interval: float, timeout: float) -> None:
        reader = PeriodicExportingMetricReader(
            _exporter(chosen, timeout), export_interval_millis=interval * 1000, export_timeout_millis=timeout * 1000
        )
        buckets = {
            "gen_ai.client.token.usage": _TOKENS,
            "gen_ai.client.operation.duration": _SECONDS,
            "gen_ai.server.time_to_first_token": _SECONDS,
            "gen_ai.usage.cost": _DOLLARS,
        }
        views = [
            View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(bounds))
            for name, bounds in buckets.items()
        ]
        self._provider = MeterProvider([reader], resource=resource, views=views, shutdown_on_exit=False)
        meter = self._provider.get_meter("tianji", version)
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens used")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", "s", "Seconds that calls took")
        self._first = meter.create_histogram(
            "gen_ai.server.time_to_first_token", "s", "Seconds to the first piece of a stream"
        )
        self._cost = meter.create_histogram("gen_ai.usage.cost", "{USD}", "Dollars that calls cost")

    def count(self, record: CallRecord) -> None:
        """Count a finished call."""
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation_of(record),
            "gen_ai.provider.name": provider_of(record.provider) if record.provider else "none",
            # What clients ask for can be anything; the group is one of the config's, or a wildcard's.
            "gen_ai.request.model": record.upstream_model or record.model_group or "none",
        }
        if record.error is not None:
            attributes["error.type"] = record.error.kind
        self._duration.record(record.duration, attributes)
        if record.first_chunk_at is not None:
            self._first.record(record.first_chunk_at - record.started_at, attributes)
        if record.cost is not None:
            self._cost.record(record.cost, attributes)
        for kind, name in (("input", "prompt_tokens"), ("output", "completion_tokens")):
            number = (record.usage or {}).get(name)
            if isinstance(number, int):
                self._tokens.record(number, {**attributes, "gen_ai.token.type": kind})

    async def aclose(self) -> None:
        """Export what is there, and stop."""
        await asyncio.to_thread(self._provider.shutdown)


def _exporter(chosen: Chosen, timeout: float) -> MetricExporter:
    if chosen.exporter == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return ConsoleMetricExporter()
    if chosen.exporter == "otlp_grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        made: MetricExporter = Grpc(
            endpoint=chosen.base,
            insecure=not chosen.base.startswith("https"),
            headers=[(name.lower(), value) for name, value in chosen.headers.items()],
            timeout=timeout,
        )
        return made
    return OTLPMetricExporter(endpoint=chosen.metrics, headers=chosen.headers, timeout=timeout)
