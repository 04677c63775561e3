"""A call record in the shape that log sinks already know: LiteLLM's StandardLoggingPayload.

Every member of that payload is present. What a record does not know (a cost, the cache, a key's spend) is None rather
than a made-up zero, so that a sink can tell "nothing" from "not known". `attempts` and `fallbacks` are our additions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tianji_core.api.callback import AttemptRecord, CallRecord, Cost, in_dollars
from tianji_core.api.provider import Body

_CALL_TYPES = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "pass_through": "pass_through_endpoint",
    "batches": "acreate_batch",
}
_DIALECT_CALL_TYPES = {"messages": "anthropic_messages", "responses": "aresponses", "gemini": "agenerate_content"}

_PARAMETERS = frozenset(
    [
        "audio",
        "best_of",
        "dimensions",
        "echo",
        "encoding_format",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "suffix",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
"""Body members that are logged as `model_parameters`: a list of what is known to be harmless, so that a credential
which a client put into its body goes nowhere."""

_PRIVATE_METADATA = frozenset({"logging", "callback_settings"})
"""Members of a key's metadata that may hold a sink's own credentials."""

_UNKNOWN_CALLER = dict.fromkeys(
    [
        "user_api_key_spend",
        "user_api_key_max_budget",
        "user_api_key_budget_reset_at",
        "user_api_key_user_email",
        "user_api_key_user_spend",
        "user_api_key_team_alias",
        "user_api_key_team_spend",
        "user_api_key_org_alias",
        "user_api_key_project_id",
        "user_api_key_project_alias",
        "requester_custom_headers",
        "prompt_management_metadata",
        "mcp_tool_call_metadata",
        "vector_store_request_metadata",
        "routing_decision",
        "cold_storage_object_key",
    ]
)
_UNKNOWN = dict.fromkeys(
    [
        "zero_cost_diagnostic",
        "model_map_information",
        "request_model_access_groups",
        "standard_built_in_tools_params",
    ]
)


def standard_payload(record: CallRecord) -> dict[str, Any]:
    """The payload of one finished call; times are Unix seconds, durations seconds.

    It shares messages, answer and metadata with the record: write it out, do not change it. Content members are None
    where the record was redacted. Raises nothing, whatever the bodies hold.
    """
    first_token = record.first_chunk_at if record.first_chunk_at is not None else record.ended_at
    prompt_tokens, completion_tokens, total_tokens = _tokens(record.usage)
    api_base = _without_credentials(record.api_base)
    usage = None if record.usage is None else dict(record.usage)
    return {
        "id": record.id,
        "trace_id": _text(record.metadata.get("trace_id")) or record.id,
        "session_id": _text(record.metadata.get("session_id")),
        "litellm_call_id": record.id,
        "call_type": _DIALECT_CALL_TYPES.get(record.dialect) or _CALL_TYPES.get(record.operation, record.operation),
        "stream": record.stream,
        "status": record.outcome,
        "status_fields": {"llm_api_status": record.outcome, "guardrail_status": _guardrail_status(record)},
        "error_str": record.error.message if record.error else None,
        "error_information": _error_information(record),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": total_tokens,
        "response_cost": record.cost,
        "cost_breakdown": _cost_breakdown(record.cost_breakdown),
        "saved_cache_cost": record.saved_cost,
        "response_cost_failure_debug_info": record.unpriced,
        "cache_hit": record.cache_hit if record.cache_key is not None else None,
        "cache_key": record.cache_key,
        "startTime": record.started_at,
        "endTime": record.ended_at,
        "completionStartTime": first_token,
        "response_time": (first_token if record.stream else record.ended_at) - record.started_at,
        "model": record.upstream_model or record.model,
        "model_id": record.deployment_id,
        "model_group": record.model_group,
        "custom_llm_provider": record.provider,
        "api_base": api_base,
        "model_parameters": _parameters(record.request),
        "messages": _messages(record.request),
        "response": record.response,
        "end_user": record.end_user,
        "requester_ip_address": record.client,
        "user_agent": record.user_agent,
        "request_tags": list(record.tags),
        "metadata": _metadata(record, usage),
        "hidden_params": {
            "model_id": record.deployment_id,
            "cache_key": record.cache_key,
            "api_base": api_base,
            "response_cost": record.cost,
            "litellm_overhead_time_ms": None,
            "additional_headers": None,
            "batch_models": None,
            "litellm_model_name": record.upstream_model,
            "usage_object": usage,
        },
        "guardrail_information": _guardrail_information(record),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "fallbacks": record.fallbacks,
        **_UNKNOWN,
    }


def _cost_breakdown(cost: Cost | None) -> dict[str, Any] | None:
    """Dollars. `input_cost` and `output_cost` hold what is told once more of caches and reasoning."""
    if cost is None:
        return None
    return {
        "input_cost": in_dollars(cost.input + cost.cache_read + cost.cache_write),
        "output_cost": in_dollars(cost.output + cost.reasoning),
        "cache_read_cost": in_dollars(cost.cache_read),
        "cache_creation_cost": in_dollars(cost.cache_write),
        "reasoning_cost": in_dollars(cost.reasoning),
        "tool_usage_cost": in_dollars(cost.tools),
        "additional_costs": {"other": in_dollars(cost.other)} if cost.other else None,
        "original_cost": in_dollars(cost.original),
        "discount_amount": in_dollars(cost.discount),
        "margin_total_amount": in_dollars(cost.margin),
        "margin_percent": cost.margin_percent,
        "total_cost": in_dollars(cost.total),
        "service_tier": cost.service_tier,
        "price_source": cost.source,
    }


def _metadata(record: CallRecord, usage: dict[str, Any] | None) -> dict[str, Any]:
    who = record.principal
    return {
        "user_api_key_hash": who.key_hash,
        "user_api_key_alias": who.key_alias,
        "user_api_key_user_id": who.user_id,
        "user_api_key_team_id": who.team_id,
        "user_api_key_org_id": who.organization_id,
        "user_api_key_end_user_id": record.end_user,
        "user_api_key_request_route": record.route,
        "user_api_key_auth_metadata": {k: v for k, v in who.metadata.items() if k not in _PRIVATE_METADATA},
        "spend_logs_metadata": record.metadata.get("spend_logs_metadata"),
        "requester_ip_address": record.client,
        "requester_metadata": dict(record.metadata),
        "applied_guardrails": list(record.guardrails),
        "applied_policies": list(record.policies),
        "usage_object": usage,
        **_UNKNOWN_CALLER,
    }


def _error_information(record: CallRecord) -> dict[str, Any] | None:
    if record.error is None:
        return None
    return {
        "error_code": str(record.error.status),
        "error_class": record.error.kind,
        "llm_provider": record.error.provider or record.provider,
        "error_message": record.error.message,
        "traceback": None,
        "error_provider_request_id": None,
        "error_rate_limit_category": None,
        "error_rate_limit_type": None,
    }


def _guardrail_status(record: CallRecord) -> str:
    """The gravest of what guardrails did."""
    found = {run.status for run in record.guardrail_runs}
    order = ("guardrail_intervened", "guardrail_failed_to_respond", "guardrail_flagged", "success")
    return next((status for status in order if status in found), "success" if record.guardrails else "not_run")


def _guardrail_information(record: CallRecord) -> list[dict[str, Any]]:
    """One entry for each check. What was found is told by its kinds and numbers, as the guardrail says it."""
    return [
        {
            "guardrail_name": run.name,
            "guardrail_provider": run.plugin,
            "guardrail_mode": run.stage,
            "guardrail_status": run.status,
            "guardrail_response": {**run.found} or run.error or "allow",
            "masked_entity_count": _numbers(run.found) if run.status == "guardrail_intervened" else None,
            "start_time": run.started,
            "end_time": run.started + run.duration,
            "duration": run.duration,
        }
        for run in record.guardrail_runs
    ]


def _numbers(found: Mapping[str, Any]) -> dict[str, int] | None:
    return {name: count for name, count in found.items() if isinstance(count, int)} or None


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "model_id": attempt.deployment_id,
        "custom_llm_provider": attempt.provider,
        "model": attempt.model,
        "status": attempt.status,
        "error": attempt.error,
        "startTime": attempt.started,
        "duration": attempt.duration,
    }


def _tokens(usage: Mapping[str, Any] | None) -> tuple[int | None, int | None, int | None]:
    """Prompt, completion and total tokens; a usage without completion tokens (embeddings) has none of them: 0."""
    if usage is None:
        return None, None, None
    prompt = _count(usage.get("prompt_tokens"))
    completion = _count(usage.get("completion_tokens"))
    total = _count(usage.get("total_tokens"))
    return prompt, completion, total or prompt + completion


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _messages(request: Body | None) -> Any:
    """What was asked: the messages of a chat, the prompt of a completion, the input of an embedding."""
    if request is None:
        return None
    return next((request[key] for key in ("messages", "prompt", "input") if key in request), None)


def _parameters(request: Body | None) -> dict[str, Any] | None:
    return None if request is None else {key: value for key, value in request.items() if key in _PARAMETERS}


def _without_credentials(url: str | None) -> str | None:
    """A base URL less user, password and query, any of which may carry a key."""
    if url is None or not any(mark in url for mark in "@?#"):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
