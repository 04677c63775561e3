"""Labels that clients think of: bounded in number and in length, and without a secret."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from tianji_callback_prometheus import PrometheusSettings
from tianji_callback_prometheus.labels import LONGEST
from tianji_callback_prometheus.recorder import Recorder
from tianji_core.testing.standard import CONTENT_CANARY, sample_record

SUCCESS, FAILURE = sample_record("success"), sample_record("failure")
LIMIT = 100


def counted(records, **settings):
    wanted = PrometheusSettings(prometheus_metrics_max_series_per_metric=LIMIT, **settings)
    recorder = Recorder(wanted, CollectorRegistry())
    for record in records:
        recorder.record(record)
    return recorder


def series(recorder, name):
    """Labels and values of a counter."""
    [metric] = [metric for metric in recorder.registry.collect() if metric.name == name]
    return [(sample.labels, sample.value) for sample in metric.samples if sample.name == f"{name}_total"]


def test_no_label_makes_more_series_than_the_limit():
    def odd(number):
        return replace(
            SUCCESS,
            model=f"model-{number}",
            model_group=f"model-{number}",
            upstream_model=f"model-{number}",
            user_agent=f"agent/{number}",
            client=f"10.0.{number // 256}.{number % 256}",
            end_user=f"user-{number}",
            tags=(f"tag-{number}",),
            metadata={"free": f"text-{number}"},
            principal=replace(SUCCESS.principal, key_hash=f"{number:064x}", user_id=f"u-{number}"),
        )

    calls = 2000
    recorder = counted(
        [odd(number) for number in range(calls)] + [replace(odd(number), outcome="failure") for number in range(calls)],
        enable_end_user_cost_tracking_prometheus_only=True,
        custom_prometheus_metadata_labels=("metadata.free",),
    )
    sizes = {name: len(family) for name, family in recorder.families.items()}
    assert max(sizes.values()) == LIMIT
    found = series(recorder, "litellm_proxy_total_requests_metric")
    assert len(found) == LIMIT
    assert sum(value for _, value in found) == 2 * calls, "calls were lost"
    assert {"other"} in [set(labels.values()) for labels, _ in found]


def test_what_clients_make_up_is_given_up_first():
    recorder = counted(replace(SUCCESS, user_agent=f"agent/{number}") for number in range(1000))
    found = series(recorder, "litellm_proxy_total_requests_metric")
    [(labels, value)] = [(labels, value) for labels, value in found if labels["user_agent"] == "other"]
    assert len(found) == LIMIT * 0.7 + 1
    assert value == 1000 - LIMIT * 0.7
    assert (labels["client_ip"], labels["requested_model"], labels["team"]) == ("other", "gpt-sample", "t-1")
    # Metrics that have no such label are as they were.
    assert len(series(recorder, "litellm_total_tokens_metric")) == 1


def test_then_the_names_of_models():
    recorder = counted(replace(SUCCESS, model=f"m{number}", upstream_model=f"m{number}") for number in range(1000))
    found = series(recorder, "litellm_total_tokens_metric")
    [labels] = [labels for labels, _ in found if labels["model"] == "other"]
    assert labels["team"] == "t-1"
    assert len(found) == LIMIT * 0.85 + 1


def test_a_series_that_is_there_stays():
    recorder = counted([SUCCESS, *(replace(SUCCESS, user_agent=f"agent/{n}") for n in range(1000)), SUCCESS])
    found = series(recorder, "litellm_proxy_total_requests_metric")
    assert [value for labels, value in found if labels["user_agent"] == SUCCESS.user_agent] == [2]


def test_models_that_are_not_there_are_one():
    lost = replace(FAILURE, model_group=None, deployment_id=None, upstream_model=None, provider=None, attempts=())
    recorder = Recorder(PrometheusSettings(), CollectorRegistry())
    recorder.labels.knows = {"known": True}.__contains__
    for number in range(100):
        recorder.record(replace(lost, model=f"slip-{number}"))
    recorder.record(replace(lost, model="known"))  # refused before it was routed, by a guardrail perhaps
    found = series(recorder, "litellm_proxy_failed_requests_metric")
    assert {labels["requested_model"]: value for labels, value in found} == {"unknown": 100, "known": 1}


@pytest.mark.parametrize("member", ["model", "user_agent", "route", "client", "end_user"])
def test_values_are_cut(member):
    settings = {"enable_end_user_cost_tracking_prometheus_only": True}
    recorder = counted([replace(SUCCESS, **{member: "x" * 100_000 + end}) for end in "ab"], **settings)
    found = series(recorder, "litellm_proxy_total_requests_metric")
    assert [value for _, value in found] == [2]
    assert max(len(value) for labels, _ in found for value in labels.values()) == LONGEST


def test_what_is_at_hand_is_bounded():
    recorder = counted(replace(SUCCESS, user_agent=f"agent/{number}") for number in range(5000))
    assert len(recorder._kinds) <= 2048


def test_no_secret_and_no_content_shows():
    canary = "sk-canary-4711-secret"
    body = {"messages": [{"role": "user", "content": canary}], "api_key": canary}
    error = replace(FAILURE.error, message=f"wrong key {canary}")
    recorder = counted(
        [
            replace(SUCCESS, request=body, metadata={"secret": canary, "headers": {"authorization": canary}}),
            replace(FAILURE, request=body, error=error, tags=(canary,)),
        ],
        custom_prometheus_metadata_labels=("metadata.headers", "metadata.nested"),
        custom_prometheus_tags=("prod",),
    )
    labels = [value for m in recorder.registry.collect() for s in m.samples for value in s.labels.values()]
    assert SUCCESS.principal.key_hash in labels
    assert not [value for value in labels if canary in value or CONTENT_CANARY in value]
