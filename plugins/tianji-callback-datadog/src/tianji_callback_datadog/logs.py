"""Logs (https://docs.datadoghq.com/api/latest/logs/#send-logs): one event a call, its message the standard payload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from tianji_callback_datadog.pieces import send_in_pieces
from tianji_callback_datadog.settings import DatadogSettings, Origin
from tianji_core.api.callback import Callback, CallRecord
from tianji_core.api.standard_json import standard_json
from tianji_core.api.trace import span_of, trace_of

_REQUEST_BYTES = 4 << 20
"""Datadog takes 5 MB, before compression."""


class DatadogLogs(Callback):
    """Posts calls to the logs' intake. A failed call is an error, one that was refused here a warning."""

    def __init__(self, settings: DatadogSettings) -> None:
        """Raises ValueError for settings that cannot be used."""
        self._origin = origin = Origin(settings)
        self.wants_content = self._content = settings.message_logging
        self.batch_size = origin.batch_size
        self.flush_interval = settings.flush_interval
        self.deadline = 2 * settings.timeout + 1
        self._sender = origin.logs()
        self._tags = ",".join(origin.tags)

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        pieces = list(map(self._event, records))
        await send_in_pieces(self._sender, pieces, _REQUEST_BYTES, lambda body: b"[" + body + b"]")

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _event(self, record: CallRecord) -> bytes:
        origin, error = self._origin, record.error
        shown = record if self._content else replace(record, request=None, response=None)
        status = "info" if error is None else "error" if error.status >= 500 or record.attempts else "warning"
        trace = trace_of(record.id, record.traceparent)
        return orjson.dumps(
            {
                "ddsource": origin.source,
                "ddtags": ",".join([self._tags, *tags_of(record)]),
                "hostname": origin.hostname,
                "message": standard_json(shown).decode(),
                "service": origin.service,
                "status": status,
                # Datadog's own ids have 64 bits: of a trace the lower half.
                "dd.trace_id": str(trace.trace_id & (1 << 64) - 1),
                "dd.span_id": str(span_of(record.id)),
            }
        )


def tags_of(record: CallRecord) -> list[str]:
    """A call's own tags, and its team's."""
    found = [f"request_tag:{tag}" for tag in record.tags]
    if record.principal.team_id:
        found.append(f"team:{record.principal.team_id}")
    return [tag.replace(",", "_").encode("utf-8", "replace").decode() for tag in found]
