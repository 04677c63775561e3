"""From finished calls to numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from tianji_callback_prometheus.catalogue import EVERYWHERE, METRICS, shown
from tianji_callback_prometheus.labels import Labels
from tianji_callback_prometheus.series import Family, Series
from tianji_callback_prometheus.settings import PrometheusSettings
from tianji_core.api.callback import AttemptRecord, CallRecord

KINDS_KEPT = 2048
"""Kinds of calls whose series are at hand; when there are more, they are looked up anew."""
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens", ("cached", "provider_cache_read")),
    ("prompt_tokens_details", "cache_creation_tokens", ("cache_creation", "provider_cache_creation")),
    ("prompt_tokens_details", "audio_tokens", ("input_audio",)),
    ("completion_tokens_details", "reasoning_tokens", ("reasoning",)),
    ("completion_tokens_details", "audio_tokens", ("output_audio",)),
)


class Recorder:
    """All metrics that calls make, under one prefix, with the labels that the config wants."""

    def __init__(self, settings: PrometheusSettings, registry: CollectorRegistry | None) -> None:
        """Without a registry the numbers go into the files that several processes share."""
        self.settings = settings
        self.registry = registry
        self.labels = Labels(settings)
        self.families: dict[str, Family] = {}
        own = frozenset(self.labels.own)
        for short, metric in METRICS.items():
            every = (*metric.labels, *self.labels.own) if metric.name in EVERYWHERE else metric.labels
            labels = settings.labels_of(metric.name, every)
            if labels is not None:
                self.families[short] = Family(
                    metric,
                    shown(metric.name, settings.prefix),
                    labels,
                    settings.prometheus_metrics_max_series_per_metric,
                    registry=registry,
                    own=own,
                    buckets=settings.prometheus_latency_buckets,
                )
        self._kinds: dict[Any, Series] = {}

    def record(self, record: CallRecord) -> None:
        """Count one finished call."""
        key = self.labels.key(record)
        series = self._kinds.get(key)
        if series is None:
            series = self._kept(key, Series(self.families, self.labels.values(record)))
        series.requests(1)
        usage = record.usage
        output = 0
        if usage is not None:
            output = self._used(series, usage)
        if record.cost is not None:
            if record.cost > 0:
                series.spend(record.cost)
        elif record.unpriced is not None:
            series.unpriced(1)
        if record.cache_hit:
            series.cache_hits(1)
            if usage is not None:
                series.cache_tokens(_count(usage, "total_tokens"))
        elif record.cache_key is not None:
            series.cache_misses(1)
        attempts = record.attempts
        if record.outcome == "success":
            series.answered(1)
            total = max(0.0, record.ended_at - record.started_at)
            series.total_latency(total)
            if attempts:
                self._answered(series, record, total, output)
        else:
            series.failed(1)
        for attempt in attempts:
            if attempt.error is not None:
                self._failed(record, key, attempt)
        if record.fallbacks:
            self._fell_back(record, key)
        if record.guardrail_runs:
            self._guarded(record)

    def _used(self, series: Series, usage: Mapping[str, Any]) -> int:
        """Count tokens; gives those of the answer."""
        prompt, output = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        series.input_tokens(prompt)
        series.output_tokens(output)
        series.total_tokens(_count(usage, "total_tokens") or prompt + output)
        for member, name, shorts in _DETAILS:
            details = usage.get(member)
            if isinstance(details, Mapping):
                amount = _count(details, name)
                if amount:
                    for short in shorts:
                        getattr(series, short)(amount)
        return output

    def _answered(self, series: Series, record: CallRecord, total: float, output: int) -> None:
        """The times of an answered call; its last try is the one that was answered."""
        last = record.attempts[-1]
        series.deployment_requests(1)
        series.deployment_successes(1)
        series.api_latency(last.duration)
        if output:
            series.per_output_token(last.duration / output)
        if record.stream and record.first_chunk_at is not None:
            series.first_token(max(0.0, record.first_chunk_at - last.started))
        waited = last.duration if len(record.attempts) == 1 else sum(each.duration for each in record.attempts)
        series.overhead(max(0.0, total - waited))

    def _failed(self, record: CallRecord, key: tuple[Any, ...], attempt: AttemptRecord) -> None:
        """A try that nothing came of; one whose client went away says nothing of the deployment."""
        own = (key, attempt.deployment_id, attempt.model, attempt.status, attempt.error)
        series = self._kinds.get(own)
        if series is None:
            values = self.labels.of_attempt(self.labels.values(record), attempt)
            series = self._kept(own, Series(self.families, values))
        series.deployment_requests(1)
        if attempt.error != "cancelled":
            series.deployment_failures(1)

    def _fell_back(self, record: CallRecord, key: tuple[Any, ...]) -> None:
        """With the error that the first try failed with, as far as anything was tried."""
        first = next((each for each in record.attempts if each.error is not None), None)
        own = (key, "fallback", None if first is None else (first.status, first.error, first.provider))
        series = self._kinds.get(own)
        if series is None:
            values = self.labels.values(record)
            if first is not None:
                about = self.labels.of_attempt(values, first)
                values |= {name: about[name] for name in ("exception_status", "exception_class")}
            series = self._kept(own, Series(self.families, values))
        (series.fallback_successes if record.outcome == "success" else series.fallback_failures)(1)

    def _guarded(self, record: CallRecord) -> None:
        for run in record.guardrail_runs:
            error = run.error or "None"
            own = ("guardrail", run.name, run.status, error, run.stage)
            series = self._kinds.get(own)
            if series is None:
                values = {
                    "guardrail_name": run.name, "status": run.status, "error_type": error, "hook_type": run.stage
                }  # fmt: skip
                series = self._kept(own, Series(self.families, values))
            series.guardrails(1)
            series.guardrail_latency(run.duration)
            if run.status == "guardrail_failed_to_respond":
                series.guardrail_errors(1)

    def _kept(self, key: Any, series: Series) -> Series:
        if len(self._kinds) >= KINDS_KEPT:
            self._kinds.clear()
        self._kinds[key] = series
        return series


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
