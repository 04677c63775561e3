"""LLM Observability's spans (https://docs.datadoghq.com/llm_observability/instrumentation/api/): one a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tianji_callback_datadog.logs import tags_of
from tianji_callback_datadog.pieces import send_in_pieces
from tianji_callback_datadog.settings import DatadogSettings, Origin
from tianji_core.api.callback import Callback, CallRecord, in_dollars
from tianji_core.api.standard_json import any_json
from tianji_core.api.trace import span_of, trace_of

PATH = "/api/intake/llm-obs/v1/trace/spans"
_REQUEST_BYTES = 1 << 20
_KINDS = {"embeddings": "embedding", "rerank": "retrieval"}
_PARAMETERS = ("max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "seed")
_COUNTS = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"), ("total_tokens", "total_tokens"))
_DETAILS = (
    ("prompt_tokens_details", "cached_tokens", "cache_read_input_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens", "cache_write_input_tokens"),
    ("completion_tokens_details", "reasoning_tokens", "reasoning_output_tokens"),
)


class DatadogSpans(Callback):
    """Posts calls as spans of an LLM application."""

    def __init__(self, settings: DatadogSettings) -> None:
        """Raises ValueError for settings that cannot be used."""
        self._origin = origin = Origin(settings)
        self.wants_content = self._content = settings.message_logging
        self.batch_size = origin.batch_size
        self.flush_interval = settings.flush_interval
        self.deadline = 2 * settings.timeout + 1
        self._sender = origin.api(PATH)
        about = any_json({"ml_app": origin.service, "tags": origin.tags})
        self._head = b'{"data":{"type":"span","attributes":' + about[:-1] + b',"spans":['

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        pieces = list(map(self._span, records))
        await send_in_pieces(self._sender, pieces, _REQUEST_BYTES, lambda body: self._head + body + b"]}}}")

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _span(self, record: CallRecord) -> bytes:
        trace = trace_of(record.id, record.traceparent)
        span: dict[str, Any] = {
            "parent_id": "undefined" if trace.parent_id is None else str(trace.parent_id),
            "trace_id": f"{trace.trace_id:032x}",
            "span_id": str(span_of(record.id)),
            "name": f"litellm.{record.operation}",
            "start_ns": int(record.started_at * 1e9),
            "duration": int(record.duration * 1e9),
            "status": "ok" if record.error is None else "error",
            "meta": self._meta(record),
            "metrics": _metrics(record),
            "tags": [
                *tags_of(record),
                f"provider:{record.provider or 'none'}",
                f"model:{record.model_group or 'none'}",
            ],
        }
        session = record.metadata.get("session_id")
        if isinstance(session, str) and session:
            span["session_id"] = session
        try:
            return any_json(span)
        except (TypeError, ValueError, RecursionError):  # nested too deeply: the call is told without what was said
            span["meta"] = {**span["meta"], "input": {}, "output": {}}
            return any_json(span)

    def _meta(self, record: CallRecord) -> dict[str, Any]:
        request, response = (record.request, record.response) if self._content else (None, None)
        metadata: dict[str, Any] = {
            "model_name": record.upstream_model or record.model,
            "model_provider": record.provider,
            "litellm_call_id": record.id,
            "attempts": len(record.attempts),
            "cache_hit": record.cache_hit,
            "user_api_key_alias": record.principal.key_alias,
        }
        for name in _PARAMETERS:
            value = (record.request or {}).get(name)
            if isinstance(value, (int, float)):
                metadata[name] = value
        meta: dict[str, Any] = {
            "kind": _KINDS.get(record.operation, "llm"),
            "model_name": metadata["model_name"],
            "model_provider": record.provider or "custom",
            "metadata": metadata,
            "input": _input(request),
            "output": _output(response),
        }
        if record.error is not None:
            meta["error"] = {"message": record.error.message, "type": record.error.kind}
        return meta


def _input(request: Mapping[str, Any] | None) -> dict[str, Any]:
    if request is None:
        return {}
    messages = request.get("messages")
    if isinstance(messages, list):
        return {"messages": [_message(each) for each in messages if isinstance(each, dict)]}
    told = next((request[name] for name in ("prompt", "input", "query") if name in request), None)
    return {} if told is None else {"value": told if isinstance(told, str) else any_json(told).decode()}


def _output(response: Mapping[str, Any] | None) -> dict[str, Any]:
    choices = (response or {}).get("choices")
    if not isinstance(choices, list):
        return {}
    said = [c.get("message", {"role": "assistant", "content": c.get("text")}) for c in choices if isinstance(c, dict)]
    return {"messages": [_message(each) for each in said if isinstance(each, dict)]}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message in Datadog's shape, where content is one text."""
    content = message.get("content")
    if isinstance(content, list):
        texts = [str(part.get("text") or f"[{part.get('type')}]") for part in content if isinstance(part, dict)]
        content = "\n".join(texts)
    told: dict[str, Any] = {
        "role": str(message.get("role") or ""),
        "content": content if isinstance(content, str) else "",
    }
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        told["tool_calls"] = [_tool_call(call) for call in calls if isinstance(call, dict)]
    return told


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    told = {"name": named.get("name"), "arguments": named.get("arguments"), "tool_id": call.get("id")}
    return {**told, "type": call.get("type") or "function"}


def _metrics(record: CallRecord) -> dict[str, float]:
    usage = record.usage or {}
    found = {name: usage[key] for key, name in _COUNTS if isinstance(usage.get(key), int)}
    for group, key, name in _DETAILS:
        details = usage.get(group)
        number = details.get(key) if isinstance(details, dict) else None
        if isinstance(number, int) and number:
            found[name] = number
    if record.first_chunk_at is not None:
        found["time_to_first_token"] = record.first_chunk_at - record.started_at
    cost = record.cost_breakdown
    if cost is not None:
        found["estimated_input_cost"] = in_dollars(cost.input + cost.cache_read + cost.cache_write)
        found["estimated_output_cost"] = in_dollars(cost.output + cost.reasoning)
    if record.cost is not None:
        found["estimated_total_cost"] = record.cost
    return found
