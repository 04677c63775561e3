"""How calls come in, and what lives on."""

import asyncio
import logging
from dataclasses import replace

from tianji_callback_prometheus import Prometheus, PrometheusSettings
from tianji_callback_prometheus.callback import AT_ONCE
from tianji_callback_prometheus.life import recorders_of
from tianji_callback_prometheus.operator import exposed
from tianji_core.api.metrics import MetricFamily, Sample
from tianji_core.gateway import Gateway
from tianji_core.testing.standard import sample_record

SUCCESS = sample_record("success")


def total(callback):
    found = {metric.name: metric for metric in callback.recorder.registry.collect()}
    return sum(sample.value for sample in found["litellm_requests_metric"].samples)


def test_a_batch_lets_calls_have_their_turn():
    made = Prometheus(PrometheusSettings())
    turns = 0

    async def calls():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main():
        beside = asyncio.create_task(calls())
        await made.on_calls([SUCCESS] * made.batch_size)
        beside.cancel()

    asyncio.run(main())
    assert total(made) == made.batch_size
    assert turns >= made.batch_size // AT_ONCE - 1


def test_a_record_that_cannot_be_counted_costs_the_others_nothing(caplog):
    made = Prometheus(PrometheusSettings())
    broken = replace(SUCCESS, id="broken", principal=None)
    with caplog.at_level(logging.ERROR):
        asyncio.run(made.on_calls([SUCCESS, broken, SUCCESS]))
    assert total(made) == 2
    assert "call_id=broken" in caplog.text


def test_gateways_that_follow_one_another_count_together():
    def gateway(**settings):
        row = {"model_name": "a", "litellm_params": {"model": "openai_compatible/e", "api_base": "http://127.0.0.1:9"}}
        return Gateway.from_config({"model_list": [row], "litellm_settings": {"callbacks": ["prometheus"], **settings}})

    async def main():
        unused = gateway()
        async with gateway() as first:
            [recorder] = recorders_of(first)
            assert recorders_of(unused) != [recorder], "one that does not run counts into what others show"
            recorder.record(SUCCESS)
            async with gateway() as second, gateway(prometheus_exclude_labels=["team"]) as other:
                assert recorders_of(second) == [recorder]
                assert recorders_of(other) != [recorder]
        async with gateway() as later:
            assert recorders_of(later) != [recorder], "numbers outlive the last gateway"

    asyncio.run(main())


def test_numbers_of_the_gateway_are_chosen_and_named_like_the_others():
    families = [
        MetricFamily("litellm_in_flight_requests", "gauge", "x", (), [Sample((), 1.0)]),
        MetricFamily("litellm_deployment_state", "gauge", "x", ("model_id",), [Sample(("a",), 2.0)]),
        MetricFamily("tianji_retries_total", "counter", "x", (), [Sample((), 3.0)]),
    ]

    def shown(**settings):
        made = exposed(families, PrometheusSettings(**settings))
        return {sample.name: (sample.labels, sample.value) for metric in made for sample in metric.samples}

    assert shown(prefix="mine_") == {
        "mine_in_flight_requests": ({}, 1.0),
        "mine_deployment_state": ({"model_id": "a"}, 2.0),
        "tianji_retries_total": ({}, 3.0),
    }
    chosen = [{"metrics": ["litellm_deployment_state"]}]
    assert set(shown(prometheus_metrics_config=chosen)) == {"litellm_deployment_state", "tianji_retries_total"}
    left_out = shown(prometheus_exclude_metrics=["litellm_in_flight_requests"])
    assert set(left_out) == {"litellm_deployment_state", "tianji_retries_total"}
