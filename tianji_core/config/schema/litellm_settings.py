"""`litellm_settings` (or `tianji_settings`): what holds for every call."""

from __future__ import annotations

from typing import Annotated, Any

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, key, later
from tianji_core.config.schema.cache_params import CacheParams
from tianji_core.config.schema.prices import Discounts, Margins
from tianji_core.config.schema.router_settings import Fallbacks
from tianji_core.config.schema.types import (
    AnyMap,
    Before,
    Flag,
    Kind,
    Names,
    Number,
    Seconds,
    Text,
    TextMap,
    Whole,
    wrong,
)


def _verify(value: Any) -> Any:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower(), value)
    if isinstance(value, bool):
        return value
    raise wrong("true, false or the path of a CA bundle")


Verify = Annotated[Any, Before(_verify), Kind("true, false or a path")]


class CustomProvider(Block):
    """A provider written in Python beside the config."""

    provider: Text = key(..., "Its name in `model: name/…`.", usage="B")
    custom_handler: Text = key(..., "`module.object`, the module beside the config.", usage="B")


class LitellmSettings(Block):
    """Callbacks, parameters, TLS; and defaults for router_settings."""

    rare = known.LITELLM_SETTINGS

    drop_params: Flag = key(False, "Leave out parameters a model does not take, instead of refusing the call.")
    modify_params: Flag = key(False, "Let a provider repair a request the vendor would refuse.", usage="B")
    use_chat_completions_url_for_anthropic_messages: Flag = key(
        False, "Ask OpenAI by chat, not by the Responses API, for callers of /v1/messages.", usage="C"
    )
    callbacks: Names = key([], "Called after every call, whatever its end.")
    prompt_injection_params: AnyMap = key(
        {}, "Settings of the callback `detect_prompt_injection`, which is a guardrail.", usage="C"
    )
    guardrails: list[AnyMap] = key(
        [],
        "Guardrails in the old form: `[{pii: {callbacks: [presidio], default_on: true}}]`.",
        usage="C",
        kind="list of maps",
    )
    output_parse_pii: Flag = key(False, "The callback `presidio` puts back into answers what it has masked.", usage="C")
    presidio_ad_hoc_recognizers: Text | None = key(None, "Its further recognizers, a JSON file.", usage="C")
    presidio_logging_only: Flag = key(False, "It masks in records only.", usage="C")
    success_callback: Names = key([], "Called after calls that were answered.")
    failure_callback: Names = key([], "Called after calls that failed.")
    num_retries: Whole | None = key(None, "Further tries, where router_settings says nothing.")
    request_timeout: Seconds = key(6000.0, "Time for a call, where router_settings says nothing.")
    fallbacks: Fallbacks = key([], "As in router_settings, which wins.", usage="B")
    default_fallbacks: Names = key([], "As in router_settings, which wins.", usage="B")
    context_window_fallbacks: Fallbacks = key([], "As in router_settings, which wins.", usage="B")
    content_policy_fallbacks: Fallbacks = key([], "As in router_settings, which wins.", usage="B")
    allowed_fails: Whole | None = key(None, "As in router_settings, which wins.", usage="B")
    cooldown_time: Seconds = key(5.0, "As in router_settings, which wins.", usage="C")
    turn_off_message_logging: Flag = key(False, "Keep prompts and answers out of callbacks.", usage="B")
    set_verbose: Flag = key(False, "Log in detail.", usage="B")
    json_logs: Flag | None = key(
        None, "Log lines as JSON.", usage="B", kind="true or false", default_text="true off a terminal"
    )
    ssl_verify: Verify = key(True, "Check vendors' certificates; a path names a CA bundle.", usage="B")
    ssl_certificate: Text | None = key(None, "Client certificate (PEM file).", usage="B")
    user_url_validation: Flag = key(True, "Files that clients name by address come from public hosts only.", usage="C")
    user_url_allowed_hosts: Names = key([], "Hosts inside the network that they may come from too.", usage="C")
    disable_token_counter: Flag = key(False, "Count no tokens where a vendor reports none.", usage="C")
    generic_logger_headers: TextMap = key({}, "Headers for the webhook callback.", usage="B")
    require_auth_for_metrics_endpoint: Flag = key(True, "Metrics are for admins only.", usage="B")
    prometheus_metrics_config: list[AnyMap] = key(
        [],
        "Only these metrics: `[{group: money, metrics: [litellm_spend_metric], include_labels: [team]}]`.",
        usage="B",
        kind="list of maps",
    )
    prometheus_exclude_metrics: Names = key([], "Metrics that are left out.", usage="C")
    prometheus_exclude_labels: Names = key([], "Labels that are left out, of all metrics.", usage="C")
    prometheus_latency_buckets: list[Number] | None = key(
        None, "Upper bounds of the latency histograms, in seconds.", usage="C", kind="list of numbers"
    )
    prometheus_metrics_max_series_per_metric: Whole = key(
        2000, "Series of one metric; beyond that, values of labels are counted as `other`.", usage="C"
    )
    custom_prometheus_metadata_labels: Names = key(
        [], "Members of calls' metadata that become labels, such as `metadata.department`.", usage="B"
    )
    custom_prometheus_tags: Names = key([], "Tags that become labels, `true` or `false`; may hold a `*`.", usage="B")
    enable_end_user_cost_tracking_prometheus_only: Flag = key(False, "Fill the label end_user.", usage="B")
    disable_end_user_cost_tracking_prometheus_only: Flag = key(False, "Leave it empty all the same.", usage="C")
    s3_callback_params: AnyMap = key({}, "The bucket for records: `{s3_bucket_name: logs}`.", usage="B")
    langfuse_default_tags: Names = key([], "Facts that become tags in Langfuse, such as `cache_hit`.", usage="B")
    redact_user_api_key_info: Flag = key(False, "Keep keys and users out of callbacks.", usage="C")
    allow_dynamic_callback_disabling: Flag = key(
        True, "Requests may switch callbacks off for themselves (`x-litellm-disable-callbacks`).", usage="C"
    )
    forward_traceparent_to_llm_provider: Flag = key(
        False, "Tell vendors of the trace that a call is part of (`traceparent`).", usage="C"
    )
    cost_discount_config: Discounts = key(
        {}, "Part of the cost that is taken off, by provider: `{openai: 0.05}`.", usage="B", kind="map of numbers"
    )
    cost_margin_config: Margins = key(
        {},
        "Put on the cost after that, by provider, or `global` for all others: 0.1, or {percentage, fixed_amount}.",
        usage="B",
        kind="map",
    )
    include_cost_in_streaming_usage: Flag = key(
        False, "Tell the cost of a stream in its usage, where the client wants one.", usage="C"
    )
    block_requests_for_models_without_pricing: Flag = key(
        False, "Refuse calls of models whose price nobody knows.", usage="C"
    )
    tag_budget_config: AnyMap = key(
        {}, "Money by tag of requests: `{free: {max_budget: 10, budget_duration: 1d}}`.", usage="C"
    )
    cache: Flag = key(False, "Answer repeated requests from a cache.", usage="B")
    cache_params: CacheParams = key({}, "Options of the cache.", usage="B", kind="block")
    custom_provider_map: list[CustomProvider] = key(
        [], "Providers written beside the config.", usage="B", kind="list of {provider, custom_handler}"
    )

    log_raw_request_response = later(False, "Log what goes over the wire.", kind="true or false")
    max_budget = later(0, "Money the whole gateway may spend.", kind="number", noop=(0, 0.0))
    budget_duration = later(None, "Time span of max_budget.", kind="text")
    timezone = later("UTC", "Time zone of budget resets.", kind="text")
    budget_reset_time = later("00:00", "Time of day of budget resets.", kind="text")
    max_internal_user_budget = later(None, "Budget of new users.", kind="number")
    internal_user_budget_duration = later(None, "Time span of that budget.", kind="text")
    default_internal_user_params = later(None, "Values for new users.", kind="map")
    default_max_internal_user_budget = later(None, "Budget of new users.", kind="number")
    max_end_user_budget = later(None, "Budget of each end user.", kind="number")
    max_end_user_budget_id = later(None, "Budget record for each end user.", kind="text")
    upperbound_key_generate_params = later(None, "Most a new key may get.", kind="map")
    default_key_generate_params = later(None, "Values for new keys.", kind="map")
    datadog_params = later(None, "Options of the Datadog callback.", kind="map")
    force_ipv4 = later(False, "Connect over IPv4 only.", kind="true or false")
    http2 = later(False, "HTTP/2 to vendors.", kind="true or false")
    disable_aiohttp_transport = later(
        False, "A switch of the reference's HTTP client.", kind="true or false", noop=(True, False)
    )
    aiohttp_trust_env = later(False, "Proxy settings from the environment.", kind="true or false")
