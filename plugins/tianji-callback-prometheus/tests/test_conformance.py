"""The callback kit. Nothing is sent here: the sink is the exposition, which tells calls apart by the route that the
test gives each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from tianji_callback_prometheus import Prometheus, PrometheusSettings
from tianji_callback_prometheus.exposition import written
from tianji_core.api.callback import Callback, CallRecord
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import Sink
from tianji_core.testing.standard import overrides_standard_test, sample_record


class Scrape(Sink):
    """What a scrape shows once all is delivered."""

    def __init__(self) -> None:
        self.callback: Prometheus | None = None

    async def __aenter__(self) -> Scrape:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    def received(self) -> Sequence[str]:
        assert self.callback is not None
        text = written([self.callback.recorder.registry])
        return [
            sample.labels["route"]
            for family in text_string_to_metric_families(text.decode())
            if family.name == "litellm_proxy_total_requests_metric"
            for sample in family.samples
            for _ in range(int(sample.value))
        ]


class ByRoute(Prometheus):
    """Counts each call under a route of its own."""

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        await super().on_calls([replace(record, route=record.id) for record in records])


class TestPrometheus(CallbackConformance):
    def sink(self) -> Sink:
        return Scrape()

    def callback(self, sink: Sink) -> Callback:
        assert isinstance(sink, Scrape)
        made = ByRoute(PrometheusSettings(prometheus_metrics_max_series_per_metric=10_000))
        made.flush_interval = 0.05
        sink.callback = made
        return made

    @overrides_standard_test("no sink can refuse anything: Prometheus comes and asks")
    def test_what_a_dead_sink_does_not_take_is_counted(self) -> None:
        record = replace(sample_record("success"), id="while-the-sink-is-dead")

        async def play(delivery, sink) -> None:
            sink.failing = True
            delivery.put(record)

        assert self._run(play)[record.id] == 1
