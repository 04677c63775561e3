"""The sink: finished calls as JSON, in requests of a size that a webhook takes."""

from __future__ import annotations

from collections.abc import Sequence

from tianji_callback_webhook.settings import WebhookSettings, endpoint_of, headers_of
from tianji_core.api.callback import Callback, CallRecord, DeliveryError
from tianji_core.api.standard_json import standard_json
from tianji_core.telemetry.sender import HttpSender

_BATCH_BYTES = 4 << 20
"""A request ends early at this size."""


class Webhook(Callback):
    """Posts finished calls; with `log_format: single` each in a request of its own."""

    wants_content = True

    def __init__(self, settings: WebhookSettings) -> None:
        """Raises ValueError if the endpoint or a header cannot be used."""
        self.outcomes = frozenset(event.removeprefix("llm_api_") for event in settings.event_types)
        self._format = settings.log_format
        self.batch_size = 1 if self._format == "single" else settings.batch_size
        self.flush_interval = settings.flush_interval
        self.deadline = 2 * settings.timeout + 1
        self._sender = HttpSender(
            endpoint_of(settings), headers_of(settings), timeout=settings.timeout, ssl_verify=settings.ssl_verify
        )

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        events = list(map(standard_json, records))
        sent = 0
        while sent < len(events):
            number = _fitting(events, sent)
            try:
                await self._sender.post(self._body(events[sent : sent + number]))
            except DeliveryError as error:
                error.taken = sent
                raise
            sent += number

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _body(self, events: list[bytes]) -> bytes:
        if self._format == "single":
            return events[0]
        if self._format == "ndjson":
            return b"\n".join(events) + b"\n"
        return b"[" + b",".join(events) + b"]"


def _fitting(events: list[bytes], first: int) -> int:
    """How many of the events go into one request; one at least."""
    size = number = 0
    for event in events[first:]:
        size += len(event)
        if number and size > _BATCH_BYTES:
            break
        number += 1
    return number
