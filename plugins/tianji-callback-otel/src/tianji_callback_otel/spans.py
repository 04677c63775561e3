"""A finished call as spans of the official SDK: the request to the gateway, and below it each try at a vendor."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tianji_callback_otel.attributes import content_of, of_attempt, of_call, operation_of
from tianji_core.api.callback import CallRecord
from tianji_core.api.trace import span_of, trace_of

_OK, _UNSET = Status(StatusCode.OK), Status(StatusCode.UNSET)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class SpanWriter:
    """Makes the spans of calls. Ids follow from the call's, as those that vendors are told of do."""

    def __init__(self, resource: Resource, version: str, *, content: bool) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("tianji", version)
        self._content = content

    def spans(self, record: CallRecord) -> list[ReadableSpan]:
        """The spans of one call; none if its caller does not record the trace."""
        trace = trace_of(record.id, record.traceparent)
        if not trace.sampled:
            return []
        own = SpanContext(trace.trace_id, span_of(record.id), is_remote=False, trace_flags=_SAMPLED)
        parent = None
        if trace.parent_id is not None:
            parent = SpanContext(trace.trace_id, trace.parent_id, is_remote=True, trace_flags=_SAMPLED)
        status = _OK if record.error is None else Status(StatusCode.ERROR, record.error.message)
        attributes = of_call(record)
        if self._content:
            attributes.update(content_of(record))
        found = [
            ReadableSpan(
                f"POST {record.route}",
                context=own,
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                kind=SpanKind.SERVER,
                status=status,
                start_time=_nanoseconds(record.started_at),
                end_time=_nanoseconds(record.ended_at),
                instrumentation_scope=self._scope,
            )
        ]
        operation, count = operation_of(record), len(record.attempts)
        for number, attempt in enumerate(record.attempts):
            last = number == count - 1
            attributes = of_attempt(record, attempt, last=last)
            if last and self._content:
                attributes.update(content_of(record))
            ended = attempt.started + attempt.duration
            found.append(
                ReadableSpan(
                    f"{operation} {attempt.model}",
                    context=SpanContext(
                        trace.trace_id, span_of(record.id, number), is_remote=False, trace_flags=_SAMPLED
                    ),
                    parent=own,
                    resource=self._resource,
                    attributes=attributes,
                    kind=SpanKind.CLIENT,
                    status=_UNSET if attempt.error is None else Status(StatusCode.ERROR, attempt.error),
                    start_time=_nanoseconds(attempt.started),
                    end_time=_nanoseconds(ended),
                    instrumentation_scope=self._scope,
                )
            )
        return found


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
