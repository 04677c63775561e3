"""The callback kit: every call is too slow here, and each of them is told of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tianji_callback_alerting import Alerting, AlertingSettings
from tianji_core.api.callback import Callback, CallRecord
from tianji_core.telemetry.delivery import Delivery
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import overrides_standard_test, sample_record


class Slow(Alerting):
    """Takes each call for one that took a second longer."""

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        await super().on_calls([replace(record, ended_at=record.started_at + 1.0) for record in records])


class TestAlerting(CallbackConformance):
    secrets = ("path-secret",)

    def sink(self) -> Sink:
        return HttpSink(lambda body: [json.loads(body)["call_id"]], path="/path-secret")

    def callback(self, sink: Any) -> Callback:
        made = Slow(
            AlertingSettings.model_validate(
                {
                    "alerting": ["webhook"],
                    "alert_types": ["llm_too_slow"],
                    "alerting_threshold": 0.5,
                    "alerting_args": {"alert_ttl": 0},
                    "environ": {"WEBHOOK_URL": sink.url},
                }
            )
        )
        made.flush_interval = 0.05
        return made

    @overrides_standard_test("it keeps alerts that a channel does not take, and counts what is lost itself")
    def test_what_a_dead_sink_does_not_take_is_counted(self) -> None:
        lost: list[int] = []

        async def play(delivery: Delivery, sink: Sink) -> None:
            sink.failing = True
            sink.failing_status = 404  # type: ignore[attr-defined]  # of HttpSink
            for _ in range(3):
                delivery.put(sample_record("success"))
            await asyncio.sleep(0.3)
            callback = delivery.subscription.callback
            assert isinstance(callback, Alerting)
            lost.append(callback.lost)

        self._run(play, self.give_up_seconds)
        assert lost == [3]
