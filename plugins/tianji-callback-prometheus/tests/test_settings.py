"""What the config may say, and how what is wrong with it is told."""

import pytest
from prometheus_client import CollectorRegistry

from tianji_callback_prometheus import PrometheusSettings
from tianji_callback_prometheus.catalogue import METRICS, NOT_FILLED
from tianji_callback_prometheus.recorder import Recorder
from tianji_core.config import ConfigError
from tianji_core.gateway import Gateway
from tianji_core.testing.standard import sample_record


def gateway(**settings):
    own = settings.pop("own", None)
    config = {
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "openai_compatible/e", "api_base": "http://127.0.0.1:9"}}
        ],
        "litellm_settings": {"callbacks": ["prometheus"], **settings},
    }
    return Gateway.from_config(config if own is None else {**config, "callback_settings": {"prometheus": own}})


def settings_of(made):
    [subscription] = made.pipeline.callbacks.subscriptions
    return subscription.callback.recorder.settings


def names(**settings):
    """The names and labels of what is there, after one call of each end."""
    recorder = Recorder(PrometheusSettings(**settings), CollectorRegistry())
    for kind in ("success", "failure", "stream"):
        recorder.record(sample_record(kind))
    found = {metric.name: metric for metric in recorder.registry.collect()}
    return {name: {key for sample in metric.samples for key in sample.labels} for name, metric in found.items()}


def test_the_keys_of_litellm_settings_are_honoured():
    made = gateway(
        prometheus_metrics_config=[{"group": "g", "metrics": ["litellm_spend_metric"], "include_labels": ["team"]}],
        custom_prometheus_metadata_labels="metadata.department",
        custom_prometheus_tags=["prod"],
        enable_end_user_cost_tracking_prometheus_only=True,
        prometheus_latency_buckets=[1, 2],
        prometheus_metrics_max_series_per_metric=50,
    )
    assert made.loaded.report.format() == ""
    found = settings_of(made)
    assert found.prometheus_metrics_config[0].metrics == ("litellm_spend_metric",)
    assert found.custom_prometheus_metadata_labels == ("metadata.department",)
    assert found.shows_end_users
    assert found.prometheus_latency_buckets == (1, 2)
    assert found.prometheus_metrics_max_series_per_metric == 50


def test_the_callbacks_own_entry_wins():
    made = gateway(custom_prometheus_tags=["prod"], own={"custom_prometheus_tags": ["dev"], "prefix": "tianji_"})
    assert settings_of(made).custom_prometheus_tags == ("dev",)
    assert settings_of(made).prefix == "tianji_"


@pytest.mark.parametrize(
    ("settings", "place", "text"),
    [
        (
            {"prometheus_metrics_config": [{"metrics": ["litellm_spent_metric"]}]},
            "litellm_settings.prometheus_metrics_config",
            'there is no metric "litellm_spent_metric"; did you mean "litellm_spend_metric"?',
        ),
        (
            {"prometheus_metrics_config": [{"metrics": ["litellm_spend_metric"], "include_labels": ["teem"]}]},
            "litellm_settings.prometheus_metrics_config",
            'there is no label "teem"; did you mean "team"?',
        ),
        (
            {"prometheus_metrics_config": [{"metrics": ["spend"]}]},
            "litellm_settings.prometheus_metrics_config",
            'there is no metric "spend"',
        ),
        (
            {"prometheus_metrics_config": [{"metrics": []}]},
            "litellm_settings.prometheus_metrics_config",
            "at least 1 item",
        ),
        ({"prometheus_latency_buckets": [2, 1]}, "litellm_settings.prometheus_latency_buckets", "have to rise"),
        (
            {"prometheus_metrics_max_series_per_metric": 1},
            "litellm_settings.prometheus_metrics_max_series_per_metric",
            "greater than or equal to 10",
        ),
        ({"own": {"prefix": "1x"}}, "callback_settings.prometheus.prefix", "does not begin with a digit"),
        (
            {"custom_prometheus_tags": ["a-b", "a.b"]},
            "litellm_settings",
            "two of your own labels are called tag_a_b",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(settings, place, text):
    with pytest.raises(ConfigError) as caught:
        gateway(**settings)
    assert place in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize("name", [*sorted(NOT_FILLED), "litellm_pod_lock_manager_size", "litellm_newer_than_this"])
def test_a_config_may_name_what_is_not_filled_yet(name):
    made = PrometheusSettings(prometheus_metrics_config=({"metrics": (name, "litellm_spend_metric")},))
    assert made.labels_of("litellm_spend_metric", ("team",)) == ("team",)


def test_only_the_metrics_of_the_config_with_its_labels():
    chosen = [{"group": "g", "metrics": ["litellm_spend_metric", "litellm_requests_metric_total"]}]
    assert set(names(prometheus_metrics_config=chosen)) == {"litellm_spend_metric", "litellm_requests_metric"}
    chosen[0]["include_labels"] = ["team", "model"]
    assert names(prometheus_metrics_config=chosen)["litellm_requests_metric"] == {"team", "model"}
    chosen[0]["include_labels"] = []
    assert names(prometheus_metrics_config=chosen)["litellm_requests_metric"] == set()


def test_metrics_and_labels_can_be_left_out():
    everything = names()
    without = names(prometheus_exclude_metrics=["litellm_spend_metric"], prometheus_exclude_labels=["team", "user"])
    assert set(everything) - set(without) == {"litellm_spend_metric"}
    assert without["litellm_requests_metric"] == everything["litellm_requests_metric"] - {"team", "user"}


def test_another_prefix():
    found = names(prefix="tianji_")
    assert "tianji_proxy_total_requests_metric" in found
    assert not any(name.startswith("litellm_") for name in found)


def test_every_metric_of_the_catalogue_is_declared_once():
    assert len({metric.name for metric in METRICS.values()}) == len(METRICS)
    assert not {metric.name for metric in METRICS.values()} & NOT_FILLED


def test_the_buckets_of_the_config_are_those_of_the_latencies():
    recorder = Recorder(PrometheusSettings(prometheus_latency_buckets=(1.0, 2.0)), CollectorRegistry())
    recorder.record(sample_record("success"))
    [metric] = [m for m in recorder.registry.collect() if m.name == "litellm_llm_api_latency_metric"]
    assert [s.labels["le"] for s in metric.samples if "le" in s.labels] == ["1.0", "2.0", "+Inf"]
