"""What a call adds to which series."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from tianji_callback_prometheus import PrometheusSettings
from tianji_callback_prometheus.catalogue import METRICS
from tianji_callback_prometheus.recorder import Recorder
from tianji_core.api.call import Principal
from tianji_core.api.callback import AttemptRecord, Cost, ErrorRecord, GuardrailRun
from tianji_core.testing.standard import odd_records, sample_record

SUCCESS, STREAM, FAILURE = map(sample_record, ("success", "stream", "failure"))
WHO = {
    "hashed_api_key": "ab" * 32,
    "api_key_alias": "kit",
    "team": "t-1",
    "user": "u-1",
}


@pytest.fixture
def count():
    """`count(record, …)` counts calls and gives a reader: `read(name, label=value)` is the sum of what fits."""

    def made(*records, **settings):
        recorder = Recorder(PrometheusSettings(**settings), CollectorRegistry())
        recorder.labels.bases = {"d-1": "https://one.test", "d-2": "https://two.test"}
        for record in records:
            recorder.record(record)

        def read(name, **labels):
            found = [
                sample.value
                for metric in recorder.registry.collect()
                for sample in metric.samples
                if sample.name == name and labels.items() <= sample.labels.items()
            ]
            return sum(found) if found else None

        return read

    return made


def test_an_answered_call(count):
    read = count(replace(SUCCESS, cost=0.25))
    labels = {**WHO, "org_id": "o-1", "model_id": "d-1", "api_provider": "echo", "requested_model": "gpt-sample"}
    ended = {**labels, "status_code": "200", "route": "/v1/chat/completions"}
    assert read("litellm_proxy_total_requests_metric_total", **ended, client_ip="192.0.2.7", user_agent="kit/1") == 1
    assert read("litellm_requests_metric_total", **labels, model="vendor-model") == 1
    assert read("litellm_spend_metric_total", **labels, model="vendor-model") == 0.25
    assert read("litellm_total_tokens_metric_total", **labels) == 12
    assert read("litellm_input_tokens_metric_total", **labels) == 9
    assert read("litellm_output_tokens_metric_total", **labels) == 3
    assert read("litellm_proxy_failed_requests_metric_total") is None
    assert read("litellm_request_total_latency_metric_sum", **labels) == 1.5
    assert read("litellm_llm_api_latency_metric_sum", **labels) == 1.3
    assert read("litellm_llm_api_time_to_first_token_metric_count") is None
    assert read("litellm_overhead_latency_metric_sum", litellm_model_name="vendor-model") == pytest.approx(0.2)
    assert read("litellm_deployment_latency_per_output_token_sum", model_id="d-1") == pytest.approx(1.3 / 3)
    at = {"model_id": "d-1", "api_base": "https://api.example.test/v1", "api_provider": "echo"}
    assert read("litellm_deployment_total_requests_total", **at) == 1
    assert read("litellm_deployment_success_responses_total", **at) == 1
    assert read("litellm_deployment_failure_responses_total") is None


def test_a_stream_has_a_time_to_its_first_token(count):
    read = count(STREAM)
    assert read("litellm_llm_api_time_to_first_token_metric_sum") == pytest.approx(0.3)


def test_a_failed_call(count):
    read = count(FAILURE)
    failed = {"exception_status": "503", "exception_class": "Echo.ServiceUnavailableError"}
    assert read("litellm_proxy_failed_requests_metric_total", **failed, requested_model="gpt-sample") == 1
    assert read("litellm_proxy_total_requests_metric_total", status_code="503") == 1
    assert read("litellm_requests_metric_total") is None
    assert read("litellm_request_total_latency_metric_count") is None
    # Two tries, each of which failed in its own way.
    assert read("litellm_deployment_total_requests_total", model_id="d-1") == 2
    assert read("litellm_deployment_failure_responses_total", **failed, api_base="https://one.test") == 1
    assert read("litellm_deployment_failure_responses_total", exception_class="Echo.APIConnectionError") == 1
    assert read("litellm_deployment_success_responses_total") is None
    assert read("litellm_deployment_failed_fallbacks_total", **failed, fallback_model="gpt-sample") == 1


def test_a_call_that_was_answered_at_the_second_try_and_the_second_place(count):
    first = AttemptRecord("d-1", "echo", "model-1", 429, "RateLimitError", SUCCESS.started_at, 0.1)
    second = AttemptRecord("d-2", "other", "model-2", 200, None, SUCCESS.started_at + 0.5, 0.5)
    read = count(
        replace(
            SUCCESS,
            attempts=(first, second),
            deployment_id="d-2",
            provider="other",
            upstream_model="model-2",
            api_base="https://two.test",
            model_group="stand-in",
            fallbacks=1,
        )
    )
    failed = {"exception_status": "429", "exception_class": "Echo.RateLimitError"}
    assert read("litellm_deployment_failure_responses_total", model_id="d-1", litellm_model_name="model-1") == 1
    assert read("litellm_deployment_success_responses_total", model_id="d-2", api_provider="other") == 1
    assert read("litellm_deployment_total_requests_total") == 2
    fell = {"requested_model": "gpt-sample", "fallback_model": "stand-in"}
    assert read("litellm_deployment_successful_fallbacks_total", **fell, **failed) == 1
    assert read("litellm_llm_api_latency_metric_sum") == 0.5
    # 1.5 s in all, of which 0.6 were the vendors'.
    assert read("litellm_overhead_latency_metric_sum") == pytest.approx(0.9)


def test_a_try_whose_client_went_away_says_nothing_of_the_deployment(count):
    gone = SUCCESS.attempts[0]._replace(error="cancelled", status=None)
    closed = ErrorRecord("ClientClosedError", 499, "The client closed the request.")
    read = count(replace(SUCCESS, outcome="failure", attempts=(gone,), error=closed))
    assert read("litellm_deployment_total_requests_total") == 1
    assert read("litellm_deployment_failure_responses_total") is None
    assert read("litellm_proxy_failed_requests_metric_total", exception_class="ClientClosedError") == 1


def test_details_of_the_usage(count):
    details = {
        "prompt_tokens_details": {"cached_tokens": 5, "cache_creation_tokens": 2, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 3},
    }
    read = count(replace(SUCCESS, usage={"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, **details}))
    assert read("litellm_input_cached_tokens_metric_total") == 5
    assert read("litellm_provider_cache_read_input_tokens_metric_total") == 5
    assert read("litellm_input_cache_creation_tokens_metric_total") == 2
    assert read("litellm_provider_cache_creation_input_tokens_metric_total") == 2
    assert read("litellm_input_audio_tokens_metric_total") == 1
    assert read("litellm_output_reasoning_tokens_metric_total") == 4
    assert read("litellm_output_audio_tokens_metric_total") == 3


def test_the_response_cache(count):
    read = count(
        replace(SUCCESS, cache_hit=True, cache_key="k", attempts=(), cost=0.0),
        replace(SUCCESS, cache_key="k"),
        SUCCESS,
    )
    assert read("litellm_cache_hits_metric_total") == 1
    assert read("litellm_cache_misses_metric_total") == 1
    assert read("litellm_cached_tokens_metric_total") == 12
    assert read("litellm_llm_api_latency_metric_count") == 2


def test_guardrails(count):
    blocked = GuardrailRun("guard-1", "x", "pre_call", "guardrail_intervened", 1.0, 0.25, {}, "Block")
    lost = GuardrailRun("guard-2", "x", "post_call", "guardrail_failed_to_respond", 1.0, 0.25, {}, "Unreachable")
    read = count(SUCCESS, replace(SUCCESS, guardrail_runs=(blocked, lost)))
    assert read("litellm_guardrail_requests_total", guardrail_name="guard-1", status="success") == 1
    assert read("litellm_guardrail_requests_total", guardrail_name="guard-1", status="guardrail_intervened") == 1
    assert read("litellm_guardrail_requests_total", hook_type="post_call") == 1
    assert read("litellm_guardrail_latency_seconds_sum", error_type="Block") == 0.25
    assert read("litellm_guardrail_errors_total", guardrail_name="guard-2", error_type="Unreachable") == 1


def test_the_tier_of_service_and_calls_without_a_price(count):
    cost = Cost(total=10, original=10, source="table", service_tier="flex")
    read = count(replace(SUCCESS, cost=1.0, cost_breakdown=cost), replace(SUCCESS, unpriced="nobody knows"))
    assert read("litellm_spend_metric_total", service_tier="flex") == 1
    assert read("litellm_request_total_latency_metric_count", service_tier="flex") == 1
    assert read("tianji_unpriced_requests_total", model="vendor-model") == 1


def test_end_users_are_shown_where_the_config_wants_them(count):
    name = "litellm_proxy_total_requests_metric_total"
    wanted = {"enable_end_user_cost_tracking_prometheus_only": True}
    assert count(SUCCESS)(name, end_user="None") == 1
    assert count(SUCCESS, **wanted)(name, end_user="end-user-1") == 1
    both = {**wanted, "disable_end_user_cost_tracking_prometheus_only": True}
    assert count(SUCCESS, **both)(name, end_user="None") == 1


def test_labels_of_the_config(count):
    read = count(
        replace(SUCCESS, metadata={"department": "sales", "deep": {"er": 7}}),
        replace(SUCCESS, metadata={}, principal=Principal(metadata={"department": "of the key"}), tags=("batch-7",)),
        custom_prometheus_metadata_labels=("metadata.department", "metadata.deep.er"),
        custom_prometheus_tags=("a", "batch-*"),
    )
    name = "litellm_requests_metric_total"
    assert read(name, metadata_department="sales", metadata_deep_er="7", tag_a="true", tag_batch__="false") == 1
    assert read(name, metadata_department="of the key", metadata_deep_er="None", tag_a="false", tag_batch__="true") == 1


def test_odd_records_are_counted_too(count):
    records = odd_records()
    assert count(*records)("litellm_proxy_total_requests_metric_total") == len(records)


def test_one_kind_of_call_writes_to_the_same_series_again_and_again(count):
    read = count(*[replace(SUCCESS, id=str(number)) for number in range(50)])
    assert read("litellm_requests_metric_total") == 50
    assert read("litellm_output_tokens_metric_total") == 150


def test_each_metric_is_filled_by_some_call(count):
    """None is declared that nothing ever writes to."""
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_creation_tokens": 1, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 1},
    }
    lost = GuardrailRun("g", "x", "pre_call", "guardrail_failed_to_respond", 1.0, 0.25, {}, "Unreachable")
    read = count(
        replace(STREAM, usage=usage, cost=1.0, fallbacks=1, guardrail_runs=(lost,)),
        replace(SUCCESS, cache_hit=True, cache_key="k"),
        replace(SUCCESS, cache_key="k", unpriced="x"),
        FAILURE,
    )
    for metric in METRICS.values():
        assert read(f"{metric.name}_{'total' if metric.kind == 'counter' else 'count'}"), metric.name
