"""Loggers written for the reference: an object with `async_log_success_event` and its kin, or a plain function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tianji_core.api.callback import Callback, CallRecord
from tianji_core.api.standard_payload import standard_payload
from tianji_core.discovery.stand_ins import has_own

_EVENTS = ("log_success_event", "log_failure_event", "async_log_success_event", "async_log_failure_event")
_HOOKS = (
    "async_pre_call_hook",
    "async_moderation_hook",
    "async_post_call_success_hook",
    "async_post_call_failure_hook",
    "async_post_call_streaming_hook",
    "async_post_call_streaming_iterator_hook",
    "async_post_call_response_headers_hook",
    "async_filter_deployments",
    "async_pre_routing_hook",
    "async_log_stream_event",
    "log_stream_event",
)
"""Methods of the reference's base class that change calls, or look at every piece of a stream."""


class CustomLogger(Callback):
    """It gets what its methods get there: `kwargs` (with `standard_logging_object`), the answer, start and end time.

    `ignored` names methods of its own that are not called.
    """

    wants_content = True

    def __init__(self, logger: Any) -> None:
        self._function: Callable[..., Any] | None = logger if inspect.isroutine(logger) else None
        self._logger = logger
        self.ignored = (
            () if self._function is not None else tuple(name for name in _HOOKS if has_own(type(logger), name))
        )

    @classmethod
    def fits(cls, found: Any) -> bool:
        """Whether an object is such a logger."""
        return inspect.isroutine(found) or any(callable(getattr(found, method, None)) for method in _EVENTS)

    async def on_call(self, record: CallRecord) -> None:
        kwargs = kwargs_of(record)
        answer = None if record.response is None else Answer(record.response)
        start, end = (datetime.fromtimestamp(seconds, UTC) for seconds in (record.started_at, record.ended_at))
        if self._function is not None:
            await _finished(self._function(kwargs, answer, start, end))
            return
        for prefix in ("", "async_"):
            method = getattr(self._logger, f"{prefix}log_{record.outcome}_event", None)
            if method is not None:
                await _finished(method(kwargs, answer, start, end))


class Answer(dict[str, Any]):
    """An answer that is read as the reference's: members by name or as attributes, `.choices[0].message.content`."""

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(name) from None
        if isinstance(value, (dict, list)) and not isinstance(value, Answer):
            value = self[name] = _answer(value)  # what is changed in it stays changed
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def model_dump(self, **_options: Any) -> dict[str, Any]:
        """The answer as a plain mapping."""
        return dict(self)

    json = model_dump


def _answer(value: Any) -> Any:
    if isinstance(value, dict):
        return value if isinstance(value, Answer) else Answer(value)
    return [_answer(each) for each in value] if isinstance(value, list) else value


def kwargs_of(record: CallRecord) -> dict[str, Any]:
    """What the reference's loggers find in their first argument, as far as they are documented to look there."""
    payload = standard_payload(record)
    request = record.request or {}
    metadata = {**record.metadata, **payload["metadata"]}
    return {
        "litellm_call_id": record.id,
        "model": record.upstream_model or record.model,
        "messages": payload["messages"],
        "input": payload["messages"],
        "optional_params": payload["model_parameters"] or {},
        "user": record.end_user,
        "stream": record.stream,
        "call_type": payload["call_type"],
        "cache_hit": payload["cache_hit"],
        "api_base": payload["api_base"],
        "custom_llm_provider": record.provider,
        "litellm_params": {
            "metadata": metadata,
            "api_base": payload["api_base"],
            "model_info": {"id": record.deployment_id},
            "proxy_server_request": {"url": record.route, "body": dict(request)},
        },
        "exception": record.error.message if record.error is not None else None,
        "traceback_exception": None,
        "response_cost": record.cost,
        "completion_start_time": None
        if record.first_chunk_at is None
        else datetime.fromtimestamp(record.first_chunk_at, UTC),
        "standard_logging_object": payload,
    }


async def _finished(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
