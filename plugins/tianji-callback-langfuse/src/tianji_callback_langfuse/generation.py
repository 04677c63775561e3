"""A finished call as a span in OTLP's JSON, with the attributes that Langfuse makes a trace and a generation of.

https://langfuse.com/integrations/native/opentelemetry; OTLP/JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tianji_callback_langfuse.wishes import (
    is_true,
    mapping_of,
    span_id_of,
    text_of,
    trace_id_of,
    wishes_of,
    words_of,
)
from tianji_core.api.callback import CallRecord, in_dollars
from tianji_core.api.standard_json import any_json
from tianji_core.api.standard_payload import standard_payload
from tianji_core.api.trace import span_of, trace_of

REDACTED = "redacted-by-litellm"
_ERROR = 2
_INTERNAL = 1
_COUNTS = {
    "prompt_tokens": "input",
    "completion_tokens": "output",
    "total_tokens": "total",
}
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens", "cache_read_input_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens", "cache_creation_input_tokens"),
    ("completion_tokens_details", "reasoning_tokens", "output_reasoning_tokens"),
)
_TOLD = (
    "user_api_key_alias",
    "user_api_key_hash",
    "user_api_key_org_id",
    "user_api_key_team_id",
    "user_api_key_user_id",
)


class GenerationWriter:
    """Makes spans of calls."""

    def __init__(self, *, tags: Sequence[str], environment: str | None, release: str | None) -> None:
        self._default_tags = tuple(tags)
        self._environment = environment
        self._release = release

    def span(self, record: CallRecord) -> dict[str, Any]:
        """The span of one call, ready to be written as JSON."""
        payload, asked = standard_payload(record), wishes_of(record)
        trace = trace_of(record.id, record.traceparent)
        name = text_of(asked.get("generation_name")) or f"litellm-{payload['call_type']}"
        existing, named = text_of(asked.get("existing_trace_id")), text_of(asked.get("trace_id"))
        trace_id = existing or named
        parent = text_of(asked.get("parent_observation_id"))
        own = text_of(asked.get("generation_id"))
        attributes = self._generation(record, payload, asked)
        attributes.update(self._trace(record, payload, asked, name, existing=existing is not None))
        if trace_id is not None and trace_id_of(trace_id) != trace_id:
            attributes["langfuse.trace.metadata.trace_id"] = trace_id
        return {
            "traceId": trace_id_of(trace_id) if trace_id is not None else f"{trace.trace_id:032x}",
            "spanId": span_id_of(own) if own is not None else f"{span_of(record.id):016x}",
            **({"parentSpanId": span_id_of(parent)} if parent is not None else {}),
            "name": name,
            "kind": _INTERNAL,
            "startTimeUnixNano": str(int(record.started_at * 1e9)),
            "endTimeUnixNano": str(int(record.ended_at * 1e9)),
            "attributes": [
                {"key": key, "value": _value(value)} for key, value in attributes.items() if value is not None
            ],
            "status": {"code": _ERROR, "message": record.error.message} if record.error is not None else {},
        }

    def _generation(self, record: CallRecord, payload: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        hides_input = record.request is None or is_true(asked.get("mask_input"))
        hides_output = record.request is None or is_true(asked.get("mask_output"))
        kind = "embedding" if record.operation == "embeddings" else "generation"
        prompt = mapping_of(asked.get("prompt"))
        begun = record.first_chunk_at
        return {
            "langfuse.observation.type": kind,
            "langfuse.observation.level": "ERROR" if record.error is not None else "DEFAULT",
            "langfuse.observation.status_message": record.error.message if record.error is not None else None,
            "langfuse.observation.input": REDACTED if hides_input else _json(payload["messages"]),
            "langfuse.observation.output": REDACTED if hides_output else _output(record.response),
            "langfuse.observation.model.name": payload["model"],
            "langfuse.observation.model.parameters": _json(_without_content(payload["model_parameters"])),
            "langfuse.observation.usage_details": _json(_usage(record.usage)),
            "langfuse.observation.cost_details": _json(_cost(record)),
            "langfuse.observation.completion_start_time": None
            if begun is None
            else datetime.fromtimestamp(begun, UTC).isoformat(),
            "langfuse.observation.prompt.name": text_of(prompt.get("name")),
            "langfuse.observation.prompt.version": prompt.get("version"),
            **{f"langfuse.observation.metadata.{key}": value for key, value in _facts(record, payload).items()},
        }

    def _trace(
        self, record: CallRecord, payload: Mapping[str, Any], asked: Mapping[str, Any], name: str, *, existing: bool
    ) -> dict[str, Any]:
        """Of a trace that exists only what the request wants changed."""
        metadata = mapping_of(asked.get("trace_metadata"))
        found = {
            "name": ("langfuse.trace.name", text_of(asked.get("trace_name")) or name),
            "user_id": ("user.id", text_of(asked.get("trace_user_id")) or record.end_user),
            "session_id": ("session.id", text_of(asked.get("session_id"))),
            "tags": ("langfuse.trace.tags", self._tags(record, payload, asked) or None),
            "version": ("langfuse.version", text_of(asked.get("trace_version")) or text_of(asked.get("version"))),
            "release": ("langfuse.release", text_of(asked.get("trace_release")) or self._release),
        }
        kept = set(words_of(asked.get("update_trace_keys"))) if existing else set(found) | {"metadata"}
        told = {key: value for field, (key, value) in found.items() if field in kept}
        if "metadata" in kept:
            told.update({f"langfuse.trace.metadata.{key}": _plain(value) for key, value in metadata.items()})
        told["langfuse.environment"] = self._environment
        return told

    def _tags(self, record: CallRecord, payload: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
        tags = [*record.tags, *words_of(asked.get("tags"))]
        for name in self._default_tags:
            value = payload.get(name, payload["metadata"].get(name))
            if value is not None:
                tags.append(f"{name}:{value}")
        return list(dict.fromkeys(tags))


def _facts(record: CallRecord, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader of the trace asks for first: who called, which deployment, how many tries."""
    told = {name: payload["metadata"][name] for name in _TOLD}
    told["litellm_call_id"] = record.id
    told["model_group"] = record.model_group
    told["model_id"] = record.deployment_id
    told["custom_llm_provider"] = record.provider
    told["cache_hit"] = _plain(record.cache_hit) if record.cache_key is not None else None
    told["attempts"] = str(len(record.attempts))
    told["fallbacks"] = str(record.fallbacks) if record.fallbacks else None
    told["guardrails"] = ",".join(record.guardrails) or None
    return told


def _without_content(parameters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Tools and formats stay where they are: Langfuse's parameters are numbers and short texts."""
    if parameters is None:
        return None
    return {name: value for name, value in parameters.items() if isinstance(value, (str, int, float, bool))}


def _output(response: Mapping[str, Any] | None) -> str | None:
    """The message of an answer; all of an answer without one, but not the vectors of embeddings."""
    if response is None:
        return None
    choices = response.get("choices")
    if isinstance(choices, list) and choices:
        told = [c.get("message", c.get("text")) if isinstance(c, dict) else c for c in choices]
        return _json(told[0] if len(told) == 1 else told)
    if isinstance(response.get("data"), list):
        return _json({"data": len(response["data"])})
    return _json(response)


def _usage(usage: Mapping[str, Any] | None) -> dict[str, int] | None:
    if usage is None:
        return None
    told = {name: usage[key] for key, name in _COUNTS.items() if isinstance(usage.get(key), int)}
    for group, key, name in _DETAILS:
        number = mapping_of(usage.get(group)).get(key)
        if isinstance(number, int) and number:
            told[name] = number
    return told


def _cost(record: CallRecord) -> dict[str, float] | None:
    """Dollars."""
    cost = record.cost_breakdown
    if cost is None:
        return None if record.cost is None else {"total": record.cost}
    return {
        "input": in_dollars(cost.input + cost.cache_read + cost.cache_write),
        "output": in_dollars(cost.output + cost.reasoning),
        "total": in_dollars(cost.total),
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _json(value) or ""


def _json(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return any_json(value).decode()
    except (TypeError, ValueError, RecursionError):
        return '"nested too deeply"'


def _value(value: Any) -> dict[str, Any]:
    """An attribute's value in OTLP's JSON, where whole numbers are texts."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}
    return {"stringValue": str(value)}
