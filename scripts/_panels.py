"""The panels of the Grafana dashboards, which scripts/dashboards.py writes: PromQL, legends, units."""

from __future__ import annotations

from typing import NamedTuple

OURS = 'job=~"$job",instance=~"$instance"'


class Panel(NamedTuple):
    """One panel. `queries` are PromQL with `{}` where the selection of job and instance goes, and a legend each."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    note: str = ""
    stacked: bool = False


def rate(metric: str, by: str = "", of: str = "") -> str:
    """The sum of a counter's rates."""
    matchers = f"{of},{OURS}" if of else OURS
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{matchers}}}[$__rate_interval]))"


def quantile(q: float, histogram: str, by: str = "") -> str:
    inner = rate(f"{histogram}_bucket", f"le, {by}" if by else "le")
    return f"histogram_quantile({q}, {inner})"


def now(metric: str, how: str = "sum", by: str = "") -> str:
    return f"{how}{f' by ({by})' if by else ''} ({metric}{{{OURS}}})"


def within(metric: str, by: str = "") -> str:
    """How much a counter has grown within the time that is shown."""
    return f"sum{f' by ({by})' if by else ''} (increase({metric}{{{OURS}}}[$__range]))"


def percentiles(histogram: str) -> tuple[tuple[str, str], ...]:
    return tuple((quantile(q, histogram), f"p{round(q * 100)}") for q in (0.5, 0.95, 0.99))


REQUESTS, FAILED = "litellm_proxy_total_requests_metric_total", "litellm_proxy_failed_requests_metric_total"
SPEND = "litellm_spend_metric_total"
TOTAL, API = "litellm_request_total_latency_metric", "litellm_llm_api_latency_metric"
FIRST, OVERHEAD = "litellm_llm_api_time_to_first_token_metric", "litellm_overhead_latency_metric"
ROW = "litellm_model_name, model_id"
TRIES, TRY_FAILURES = "litellm_deployment_total_requests_total", "litellm_deployment_failure_responses_total"

STATE = now("litellm_deployment_state", "max", "model_id")
HITS, MISSES = within("litellm_cache_hits_metric_total"), within("litellm_cache_misses_metric_total")

DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "overview": (
        "Tianji: overview",
        (
            Panel("Calls", ((rate(REQUESTS), "all"),), "reqps", "stat", 4),
            Panel("Failed", ((f"{rate(FAILED)} / {rate(REQUESTS)}", "share"),), "percentunit", "stat", 4),
            Panel("Under way", ((now("litellm_in_flight_requests"), "calls"),), "short", "stat", 4),
            Panel("Overhead, p95", ((quantile(0.95, OVERHEAD), "p95"),), "s", "stat", 4),
            Panel("Spent", ((within(SPEND), "dollars"),), "currencyUSD", "stat", 4),
            Panel(
                "Deployments that rest",
                ((f"count({STATE} == 2) or vector(0)", "rest"),),
                "short",
                "stat",
                4,
            ),
            Panel("Calls by status", ((rate(REQUESTS, "status_code"), "{{status_code}}"),), "reqps", stacked=True),
            Panel(
                "Calls by model", ((rate(REQUESTS, "requested_model"), "{{requested_model}}"),), "reqps", stacked=True
            ),
            Panel("Time of a call", percentiles(TOTAL), "s", note="Answered calls, from the request to the last byte."),
            Panel("Time to the first token", percentiles(FIRST), "s", note="Streams, from asking the vendor."),
            Panel(
                "Overhead",
                percentiles(OVERHEAD),
                "s",
                note="What was not spent at a vendor; pauses before retries count.",
            ),
            Panel("Failures", ((rate(FAILED, "exception_class"), "{{exception_class}}"),), "reqps", stacked=True),
        ),
    ),
    "deployments": (
        "Tianji: deployments and routing",
        (
            Panel(
                "State",
                (
                    (
                        now("litellm_deployment_state", "max", "litellm_model_name, model_id, api_provider"),
                        "{{api_provider}} {{litellm_model_name}} {{model_id}}",
                    ),
                ),
                kind="timeseries",
                note="0 answers, 1 some calls fail, 2 rests after failures.",
            ),
            Panel(
                "Sent to rest",
                (
                    (
                        within("litellm_deployment_cooled_down_total", "litellm_model_name, exception_status"),
                        "{{litellm_model_name}} {{exception_status}}",
                    ),
                ),
                kind="bargauge",
            ),
            Panel(
                "Tries",
                ((rate(TRIES, ROW), "{{litellm_model_name}} {{model_id}}"),),
                "reqps",
                stacked=True,
            ),
            Panel(
                "Failed tries",
                (
                    (
                        f"{rate(TRY_FAILURES, ROW)} / {rate(TRIES, ROW)}",
                        "{{litellm_model_name}} {{model_id}}",
                    ),
                ),
                "percentunit",
            ),
            Panel(
                "Failed tries by error",
                (
                    (
                        rate(TRY_FAILURES, "exception_class, exception_status"),
                        "{{exception_class}} {{exception_status}}",
                    ),
                ),
                "reqps",
                stacked=True,
            ),
            Panel("Time at vendors, p95", ((quantile(0.95, API, "model"), "{{model}}"),), "s"),
            Panel(
                "Time for a token, p50",
                (
                    (
                        quantile(0.5, "litellm_deployment_latency_per_output_token", ROW),
                        "{{litellm_model_name}} {{model_id}}",
                    ),
                ),
                "s",
            ),
            Panel(
                "Under way",
                (
                    (
                        now("tianji_deployment_in_flight_requests", "sum", ROW),
                        "{{litellm_model_name}} {{model_id}}",
                    ),
                ),
            ),
            Panel(
                "Retries and fallbacks",
                ((rate("tianji_retries_total"), "retries"), (rate("tianji_fallbacks_total"), "fallbacks")),
                "reqps",
            ),
            Panel(
                "Fallbacks",
                (
                    (
                        rate("litellm_deployment_successful_fallbacks_total", "requested_model, fallback_model"),
                        "{{requested_model}} → {{fallback_model}}",
                    ),
                    (
                        rate("litellm_deployment_failed_fallbacks_total", "requested_model"),
                        "{{requested_model}}: all failed",
                    ),
                ),
                "reqps",
            ),
        ),
    ),
    "usage": (
        "Tianji: cost and usage",
        (
            Panel("Spent", ((within(SPEND), "dollars"),), "currencyUSD", "stat", 6),
            Panel("Tokens", ((within("litellm_total_tokens_metric_total"), "tokens"),), "short", "stat", 6),
            Panel(
                "Answered from the cache",
                (
                    (
                        f"{HITS} / ({HITS} + {MISSES})",
                        "share",
                    ),
                ),
                "percentunit",
                "stat",
                6,
            ),
            Panel(
                "Calls without a price",
                ((within("tianji_unpriced_requests_total"), "calls"),),
                "short",
                "stat",
                6,
                "Their cost is missing here: set a price for these models.",
            ),
            Panel(
                "Dollars an hour by model",
                ((f"3600 * {rate(SPEND, 'model')}", "{{model}}"),),
                "currencyUSD",
                stacked=True,
            ),
            Panel(
                "Dollars an hour by team", ((f"3600 * {rate(SPEND, 'team')}", "{{team}}"),), "currencyUSD", stacked=True
            ),
            Panel(
                "Spent by key",
                ((within(SPEND, "api_key_alias, hashed_api_key"), "{{api_key_alias}} {{hashed_api_key}}"),),
                "currencyUSD",
                "bargauge",
            ),
            Panel("Spent by user", ((within(SPEND, "user"), "{{user}}"),), "currencyUSD", "bargauge"),
            Panel(
                "Tokens of prompts and answers",
                (
                    (rate("litellm_input_tokens_metric_total"), "prompts"),
                    (rate("litellm_output_tokens_metric_total"), "answers"),
                ),
                "short",
                stacked=True,
            ),
            Panel(
                "Of them",
                (
                    (rate("litellm_input_cached_tokens_metric_total"), "read from vendors' caches"),
                    (rate("litellm_input_cache_creation_tokens_metric_total"), "put into them"),
                    (rate("litellm_output_reasoning_tokens_metric_total"), "reasoning"),
                ),
                "short",
            ),
            Panel(
                "Left of providers' budgets",
                ((now("litellm_provider_remaining_budget_metric", "min", "api_provider"), "{{api_provider}}"),),
                "currencyUSD",
            ),
            Panel(
                "Without a price",
                ((rate("tianji_unpriced_requests_total", "model"), "{{model}}"),),
                "reqps",
                stacked=True,
            ),
        ),
    ),
    "operator": (
        "Tianji: operator",
        (
            Panel(
                "Event loop: lag",
                (
                    (now("tianji_event_loop_lag_seconds", "max", "instance"), "{{instance}} now"),
                    (now("tianji_event_loop_lag_max_seconds", "max", "instance"), "{{instance}} largest"),
                ),
                "s",
                note="All calls of a process wait so long.",
            ),
            Panel(
                "Calls under way",
                ((now("litellm_in_flight_requests", "sum", "instance"), "{{instance}}"),),
                stacked=True,
            ),
            Panel(
                "Connections to vendors",
                ((now("tianji_upstream_connections", "sum", "origin, state"), "{{origin}} {{state}}"),),
                stacked=True,
            ),
            Panel(
                "Waiting for a connection", ((now("tianji_upstream_waiting_requests", "sum", "origin"), "{{origin}}"),)
            ),
            Panel(
                "Callbacks: queued",
                ((now("tianji_callback_queued_records", "sum", "callback_name"), "{{callback_name}}"),),
            ),
            Panel(
                "Callbacks: delivered",
                ((rate("tianji_callback_delivered_records_total", "callback_name"), "{{callback_name}}"),),
                "reqps",
            ),
            Panel(
                "Callbacks: lost",
                (
                    (rate("tianji_callback_dropped_records_total", "callback_name"), "{{callback_name}} dropped"),
                    (
                        rate("litellm_callback_logging_failures_metric_total", "callback_name"),
                        "{{callback_name}} refused",
                    ),
                ),
                "reqps",
            ),
            Panel(
                "Callbacks: further tries, rests",
                (
                    (rate("tianji_callback_retries_total", "callback_name"), "{{callback_name}} tries"),
                    (now("tianji_callback_resting", "max", "callback_name"), "{{callback_name}} rests"),
                ),
            ),
            Panel(
                "Redis, database, cache",
                (
                    (now("tianji_redis_up", "min", "purpose"), "Redis: {{purpose}}"),
                    (now("tianji_database_up", "min"), "database"),
                    (now("tianji_cache_up", "min", "type"), "cache: {{type}}"),
                ),
                note="1 is asked, 0 is away.",
            ),
            Panel(
                "Redis: given up", ((within("tianji_redis_breaks_total", "purpose"), "{{purpose}}"),), kind="bargauge"
            ),
            Panel(
                "Response cache",
                ((rate("tianji_cache_hits_total"), "hits"), (rate("tianji_cache_misses_total"), "misses")),
                "reqps",
                stacked=True,
            ),
            Panel(
                "Replicas",
                (
                    (now("tianji_replicas", "max"), "that share the state"),
                    (f"count(tianji_build_info{{{OURS}}})", "scraped"),
                ),
            ),
            Panel(
                "Memory",
                ((now("process_resident_memory_bytes", "sum", "instance"), "{{instance}}"),),
                "bytes",
                note="Not shown where several workers count together.",
            ),
            Panel(
                "CPU",
                ((rate("process_cpu_seconds_total", "instance"), "{{instance}}"),),
                "percentunit",
                note="1 is a whole core.",
            ),
            Panel(
                "Running since",
                ((f"tianji_start_time_seconds{{{OURS}}} * 1000", "{{instance}}"),),
                "dateTimeFromNow",
                "stat",
            ),
            Panel(
                "Config in force since",
                ((f"tianji_config_loaded_time_seconds{{{OURS}}} * 1000", "{{instance}}"),),
                "dateTimeFromNow",
                "stat",
            ),
        ),
    ),
}
