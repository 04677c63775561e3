"""A call in the words of OpenTelemetry's semantic conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/; where they have no word, LiteLLM's `litellm.…`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tianji_core.api.callback import AttemptRecord, CallRecord, in_dollars
from tianji_core.api.standard_json import any_json

Value = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, Value]

OPERATIONS = {"completions": "text_completion"}
"""Where the conventions have another word than we do."""
PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
PARAMETERS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
}
DETAILS = (
    ("prompt_tokens_details", "cached_tokens", "gen_ai.usage.cache_read.input_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    ("completion_tokens_details", "reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
)


def operation_of(record: CallRecord) -> str:
    return OPERATIONS.get(record.operation, record.operation)


def provider_of(name: str) -> str:
    return PROVIDERS.get(name, name)


def of_call(record: CallRecord) -> Attributes:
    """What is true of the whole call: the request to the gateway, who made it, what it used and cost."""
    who = record.principal
    found: dict[str, Any] = {
        "http.request.method": "POST",
        "http.route": record.route,
        "url.path": record.route,
        "http.response.status_code": 200 if record.error is None else record.error.status,
        "client.address": record.client,
        "user_agent.original": record.user_agent,
        "gen_ai.operation.name": operation_of(record),
        "gen_ai.request.model": record.model,
        "litellm.call_id": record.id,
        "litellm.model_group": record.model_group,
        "litellm.request.route": record.route,
        "litellm.api_key.hash": who.key_hash,
        "litellm.api_key.alias": who.key_alias,
        "litellm.user.id": who.user_id,
        "litellm.team.id": who.team_id,
        "litellm.organization.id": who.organization_id,
        "litellm.end_user.id": record.end_user,
        "litellm.tags": record.tags or None,
        "litellm.guardrails": record.guardrails or None,
        "litellm.policies": record.policies or None,
        "litellm.fallbacks": record.fallbacks or None,
        "litellm.cache_hit": record.cache_hit or None,
        "llm.is_streaming": record.stream,
        "error.type": record.error.kind if record.error is not None else None,
    }
    used = {**_usage(record.usage), **_cost(record)}
    return {name: _text(value) for name, value in found.items() if value is not None} | used


def of_attempt(record: CallRecord, attempt: AttemptRecord, *, last: bool) -> Attributes:
    """What is true of one try at a vendor; of the last one also what came of it."""
    provider = provider_of(attempt.provider)
    found: Attributes = {
        "gen_ai.operation.name": operation_of(record),
        "gen_ai.provider.name": provider,
        "gen_ai.system": provider,
        "gen_ai.request.model": attempt.model,
        "litellm.deployment.id": attempt.deployment_id,
    }
    if attempt.status is not None:
        found["http.response.status_code"] = attempt.status
    if attempt.error is not None:
        found["error.type"] = attempt.error
    if record.api_base is not None and attempt.deployment_id == record.deployment_id:
        found.update(_server(record.api_base))
    if record.request is not None:
        for name, attribute in PARAMETERS.items():
            value = record.request.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found[attribute] = value
        stop = record.request.get("stop")
        if stop:
            found["gen_ai.request.stop_sequences"] = _text((stop,) if isinstance(stop, str) else tuple(map(str, stop)))
    if last and attempt.error is None:
        found.update(_usage(record.usage))
        found.update(_cost(record))
        found.update(_answer(record))
        if record.stream and record.first_chunk_at is not None:
            found["gen_ai.response.time_to_first_chunk"] = record.first_chunk_at - record.started_at
    return found


def content_of(record: CallRecord) -> Attributes:
    """Prompt and answer, for those who want them: as JSON in the shape of the conventions."""
    found: Attributes = {}
    if record.request is not None:
        messages = record.request.get("messages")
        if isinstance(messages, list):
            found["gen_ai.input.messages"] = _json([_message(each) for each in messages])
        else:
            told = next((record.request[name] for name in ("prompt", "input") if name in record.request), None)
            if told is not None:
                found["gen_ai.input.messages"] = _json([{"role": "user", "parts": _parts(told)}])
    choices = (record.response or {}).get("choices")
    if isinstance(choices, list):
        found["gen_ai.output.messages"] = _json([_choice(each) for each in choices if isinstance(each, Mapping)])
    return found


def _usage(usage: Mapping[str, Any] | None) -> Attributes:
    if usage is None:
        return {}
    told = [
        ("gen_ai.usage.input_tokens", usage.get("prompt_tokens")),
        ("gen_ai.usage.output_tokens", usage.get("completion_tokens")),
    ]
    for group, name, attribute in DETAILS:
        details = usage.get(group)
        if isinstance(details, Mapping) and details.get(name):
            told.append((attribute, details[name]))
    return {name: value for name, value in told if isinstance(value, int)}


def _cost(record: CallRecord) -> Attributes:
    """Dollars."""
    cost = record.cost_breakdown
    if cost is None:
        return {} if record.cost is None else {"gen_ai.cost.total_cost": record.cost}
    return {
        "gen_ai.cost.total_cost": in_dollars(cost.total),
        "gen_ai.cost.input_cost": in_dollars(cost.input + cost.cache_read + cost.cache_write),
        "gen_ai.cost.output_cost": in_dollars(cost.output + cost.reasoning),
    }


def _answer(record: CallRecord) -> Attributes:
    response = record.response
    if response is None:
        return {}
    found: Attributes = {}
    for name in ("id", "model"):
        if isinstance(response.get(name), str):
            found[f"gen_ai.response.{name}"] = _text(response[name])
    choices = response.get("choices")
    if isinstance(choices, list):
        reasons = [each.get("finish_reason") for each in choices if isinstance(each, Mapping)]
        found["gen_ai.response.finish_reasons"] = _text(tuple(str(reason) for reason in reasons if reason))
    return found


def _server(url: str) -> Attributes:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return {}
    found: Attributes = {}
    if host:
        found["server.address"] = host
        found["server.port"] = port or (443 if parts.scheme == "https" else 80)
    return found


def _message(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return {"role": "user", "parts": _parts(message)}
    parts = _parts(message.get("content"))
    if message.get("role") == "tool":
        parts = [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": message.get("content")}]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        parts += [_tool_call(call) for call in calls if isinstance(call, Mapping)]
    return {"role": message.get("role"), "parts": parts}


def _choice(choice: Mapping[str, Any]) -> Any:
    message = choice.get("message")
    told = (
        _message(message)
        if isinstance(message, Mapping)
        else {"role": "assistant", "parts": _parts(choice.get("text"))}
    )
    return {**told, "finish_reason": choice.get("finish_reason")}


def _tool_call(call: Mapping[str, Any]) -> Any:
    function = call.get("function")
    named = function if isinstance(function, Mapping) else {}
    return {"type": "tool_call", "id": call.get("id"), "name": named.get("name"), "arguments": named.get("arguments")}


def _parts(content: Any) -> list[Any]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if not isinstance(content, list):
        return [{"type": "text", "content": str(content)}]
    return [
        {"type": "text", "content": part["text"]} if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        else part if isinstance(part, Mapping) else {"type": "text", "content": str(part)}
        for part in content
    ]  # fmt: skip


def _json(value: Any) -> str:
    try:
        return any_json(value).decode()
    except (TypeError, ValueError, RecursionError):
        return "[]"


def _text(value: Value) -> Value:
    """Text that protobuf takes, which wants UTF-8: what JSON of clients holds may be half a character."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return tuple(str(_text(each)) for each in value)
    return value
