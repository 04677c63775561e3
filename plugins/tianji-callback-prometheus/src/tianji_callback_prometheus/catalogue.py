"""The metrics that calls make: LiteLLM's names and labels, so that dashboards made for it go on working."""

from __future__ import annotations

from typing import Literal, NamedTuple

CANONICAL = "litellm_"
"""What the names of the reference begin with; the setting `prefix` puts something else in its place."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 420, 600)
"""Upper bounds of the histograms in seconds; +Inf comes by itself."""
PER_TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5)
"""For seconds per token of an answer, which the others would hold in three buckets."""

_KEY = ("hashed_api_key", "api_key_alias")
_TEAM = ("team", "team_alias")
_ORG = ("org_id", "org_alias")
_ROW = ("model_id", "api_provider")
_USER = ("end_user", "user", "user_email")
_FROM = ("client_ip", "user_agent")
_WHO = (*_USER, *_KEY, *_TEAM, *_ORG, *_ROW)
_TOKENS = (*_WHO, "model", "requested_model")
_DETAIL = (*_USER, *_KEY, *_TEAM, *_ROW, "model", "requested_model")
_LATENCY = ("model_group", "model", *_KEY, *_TEAM, *_ORG, *_ROW, "requested_model", "end_user", "user", "service_tier")
_PLACE = ("litellm_model_name", "model_id", "api_base", "api_provider")
_GROUP = ("model_group", "requested_model", *_PLACE, *_KEY, *_TEAM, *_FROM)
_CACHE = ("model", *_KEY, *_TEAM, "end_user", "user", *_ROW)
_FALLBACK = ("requested_model", "fallback_model", *_KEY, *_TEAM, "exception_status", "exception_class", "model_id")


class Metric(NamedTuple):
    """What is said of one metric; `name` is the canonical one, without the `_total` that counters are shown with."""

    name: str
    kind: Literal["counter", "histogram"]
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] | None = None


def _counter(name: str, help: str, labels: tuple[str, ...]) -> Metric:
    return Metric(f"{CANONICAL}{name}", "counter", help, labels)


def _seconds(name: str, help: str, labels: tuple[str, ...], buckets: tuple[float, ...] | None = None) -> Metric:
    return Metric(f"{CANONICAL}{name}", "histogram", help, labels, buckets)


METRICS: dict[str, Metric] = {
    "requests": _counter(
        "proxy_total_requests_metric",
        "Calls that have ended.",
        (*_WHO, "requested_model", "status_code", "route", *_FROM),
    ),
    "failed": _counter(
        "proxy_failed_requests_metric",
        "Calls that have failed.",
        (*_WHO, "requested_model", "exception_status", "exception_class", "route", *_FROM),
    ),
    "answered": _counter("requests_metric", "Calls that were answered.", (*_TOKENS, *_FROM)),
    "spend": _counter("spend_metric", "US dollars.", (*_TOKENS, *_FROM, "service_tier")),
    "total_tokens": _counter("total_tokens_metric", "Tokens of prompts and answers.", _TOKENS),
    "input_tokens": _counter("input_tokens_metric", "Tokens of prompts.", _TOKENS),
    "output_tokens": _counter("output_tokens_metric", "Tokens of answers.", _TOKENS),
    "cached": _counter("input_cached_tokens_metric", "Tokens of prompts, read from the vendor's cache.", _DETAIL),
    "cache_creation": _counter(
        "input_cache_creation_tokens_metric", "Tokens of prompts, put into the vendor's cache.", _DETAIL
    ),
    "input_audio": _counter("input_audio_tokens_metric", "Tokens of prompts that are sound.", _DETAIL),
    "reasoning": _counter("output_reasoning_tokens_metric", "Tokens of answers that nobody sees.", _DETAIL),
    "output_audio": _counter("output_audio_tokens_metric", "Tokens of answers that are sound.", _DETAIL),
    "provider_cache_read": _counter(
        "provider_cache_read_input_tokens_metric", "Tokens of prompts, read from the vendor's cache.", _CACHE
    ),
    "provider_cache_creation": _counter(
        "provider_cache_creation_input_tokens_metric", "Tokens of prompts, put into the vendor's cache.", _CACHE
    ),
    "total_latency": _seconds(
        "request_total_latency_metric", "Seconds from the request to the end of the answer.", _LATENCY
    ),
    "api_latency": _seconds("llm_api_latency_metric", "Seconds that the vendor took for its answer.", _LATENCY),
    "first_token": _seconds(
        "llm_api_time_to_first_token_metric", "Seconds from asking the vendor to the first chunk of a stream.", _LATENCY
    ),
    "overhead": _seconds(
        "overhead_latency_metric",
        "Seconds of answered calls that were not spent at a vendor; pauses before retries count.",
        ("model_group", "api_provider", "api_base", "litellm_model_name", *_KEY, "model_id"),
    ),
    "deployment_requests": _counter("deployment_total_requests", "Tries at a deployment.", _GROUP),
    "deployment_successes": _counter("deployment_success_responses", "Tries that were answered.", _GROUP),
    "deployment_failures": _counter(
        "deployment_failure_responses", "Tries that failed.", (*_GROUP, "exception_status", "exception_class")
    ),
    "per_output_token": _seconds(
        "deployment_latency_per_output_token",
        "Seconds that the vendor took for each token of its answer.",
        ("model_group", *_PLACE, *_KEY, *_TEAM, *_ORG),
        PER_TOKEN_BUCKETS,
    ),
    "fallback_successes": _counter("deployment_successful_fallbacks", "Calls that a fallback answered.", _FALLBACK),
    "fallback_failures": _counter("deployment_failed_fallbacks", "Calls whose fallbacks failed too.", _FALLBACK),
    "cache_hits": _counter("cache_hits_metric", "Calls that the response cache answered.", _CACHE),
    "cache_misses": _counter("cache_misses_metric", "Calls that it had no answer for.", _CACHE),
    "cache_tokens": _counter("cached_tokens_metric", "Tokens of answers that came from it.", _CACHE),
    "guardrails": _counter("guardrail_requests", "Checks of guardrails.", ("guardrail_name", "status", "hook_type")),
    "guardrail_latency": _seconds(
        "guardrail_latency_seconds",
        "Seconds that a check took.",
        ("guardrail_name", "status", "error_type", "hook_type"),
    ),
    "guardrail_errors": _counter(
        "guardrail_errors", "Checks without a verdict.", ("guardrail_name", "error_type", "hook_type")
    ),
    "unpriced": Metric(
        "tianji_unpriced_requests", "counter", "Calls whose cost nobody knows.", ("model", "api_provider", "model_id")
    ),
}
"""By the short names that the recorder uses."""

_BUDGETS = ("remaining_{}_budget_metric", "{}_max_budget_metric", "{}_budget_remaining_hours_metric")
NOT_FILLED = frozenset(
    f"{CANONICAL}{name}"
    for name in (
        *(text.format(scope) for scope in ("team", "api_key", "user", "org", "customer") for text in _BUDGETS),
        *(
            f"{scope}_rate_limit_{what}_metric"
            for scope in ("api_key", "team", "project_model")
            for what in ("allowed", "used")
        ),
        "team_members_metric",
        "remaining_api_key_requests_for_model",
        "remaining_api_key_tokens_for_model",
        "remaining_requests_metric",
        "remaining_tokens_metric",
        "images_generated_metric",
        "video_duration_seconds_metric",
        "overhead_with_guardrails_latency_metric",
        "request_queue_time_seconds",
        "mcp_tool_calls",
        "mcp_tool_call_spend_metric",
        "zero_cost_requests",
        "spend_capture_rate",
        "llm_api_failed_requests_metric",
    )
)
"""Metrics of the reference that nothing fills yet: a config may name them, and nothing comes of it."""

LABELS = frozenset(label for metric in METRICS.values() for label in metric.labels) | {
    "mcp_server_name",
    "mcp_tool_name",
    "rate_limit_category",
    "rate_limit_type",
    "stream",
}
EVERYWHERE = frozenset(
    metric.name for key, metric in METRICS.items() if not key.startswith("guardrail") and key != "unpriced"
)
"""The metrics that the config's own labels are put on."""


def shown(name: str, prefix: str) -> str:
    """A metric's name under another prefix; what the reference has no name for keeps its own."""
    return f"{prefix}{name.removeprefix(CANONICAL)}" if name.startswith(CANONICAL) else name
