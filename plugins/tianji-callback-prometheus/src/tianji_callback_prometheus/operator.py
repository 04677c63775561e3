"""The gateway's own numbers (`Gateway.metrics()`) in the shapes of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from prometheus_client import Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tianji_callback_prometheus.catalogue import shown
from tianji_callback_prometheus.settings import PrometheusSettings
from tianji_core.api.metrics import MetricFamily


def exposed(families: Iterable[MetricFamily], settings: PrometheusSettings) -> Iterator[Metric]:
    """Families as an exposition takes them, under the prefix of the config."""
    for family in families:
        if not settings.chooses(family):
            continue
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = kind(shown(family.name, settings.prefix), family.help, labels=family.labels)
        for sample in family.samples:
            metric.add_metric(sample.labels, sample.value)
        yield metric


class Publisher:
    """Writes the numbers of this process into the files of all: metrics are made once, and set again and again."""

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._gauges: dict[str, tuple[Gauge, set[tuple[str, ...]]]] = {}
        self._counters: dict[str, tuple[Counter, dict[tuple[str, ...], float]]] = {}

    def publish(self, families: Iterable[MetricFamily]) -> None:
        for family in families:
            if self._settings.chooses(family):
                (self._add if family.kind == "counter" else self._set)(family)

    def _set(self, family: MetricFamily) -> None:
        if family.name not in self._gauges:
            mode: Literal["livemax", "livesum"] = "livemax" if family.across == "max" else "livesum"
            name = shown(family.name, self._settings.prefix)
            made = Gauge(name, family.help, family.labels, registry=None, multiprocess_mode=mode)
            self._gauges[family.name] = made, set()
        gauge, known = self._gauges[family.name]
        for labels in known.difference(sample.labels for sample in family.samples):
            gauge.labels(*labels).set(0)  # what is gone, such as the connections to an origin
        for labels, value in family.samples:
            known.add(labels)
            (gauge.labels(*labels) if labels else gauge).set(value)

    def _add(self, family: MetricFamily) -> None:
        if family.name not in self._counters:
            name = shown(family.name, self._settings.prefix)
            self._counters[family.name] = Counter(name, family.help, family.labels, registry=None), {}
        counter, said = self._counters[family.name]
        for labels, value in family.samples:
            before = said.get(labels, 0.0)
            if value < before:
                before = 0.0  # what counted was made anew
            if value > before or labels not in said:
                (counter.labels(*labels) if labels else counter).inc(value - before)
            said[labels] = value
