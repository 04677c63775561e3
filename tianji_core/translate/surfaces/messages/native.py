"""Messages from a vendor that speaks them itself: passed on, with usage and the end noticed."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.usage import merge_usage, openai_usage
from tianji_core.wire.sse import Event, EventTooLarge, SSEDecoder, encode_event

_WORTH_READING = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"')


class NativeMessages:
    """One stream. Only the events at its beginning and end are decoded; see `surfaces.contract.NativeStream`."""

    number = 0

    def __init__(self, model: str) -> None:
        self._model = model
        self._events = SSEDecoder()
        self._counts: dict[str, Any] = {}
        self.complete = False
        self.error: Body | None = None

    @property
    def usage(self) -> dict[str, Any] | None:
        return openai_usage(self._counts) if self._counts else None

    def feed(self, data: bytes) -> bytes:
        try:
            return b"".join([self._pass(event) for event in self._events.feed(data)])
        except EventTooLarge as error:
            self.error = {"type": "error", "error": {"type": "api_error", "message": str(error)}}
            return b""

    def finish(self) -> bytes:
        return b"".join([self._pass(event) for event in self._events.finish()])

    def _pass(self, event: Event) -> bytes:
        if self.error is not None:
            return b""
        if event.event == "error" or any(word in event.data for word in _WORTH_READING):
            return self._read(event)
        return encode_event(event.data, event.event)

    def _read(self, event: Event) -> bytes:
        try:
            data = orjson.loads(event.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            self.error = {"type": "error", "error": {"type": "api_error", "message": "The stream makes no sense."}}
            return b""
        kind = data.get("type")
        if kind == "error":
            self.error = data
            return b""
        if kind == "message_start" and isinstance(data.get("message"), dict):
            merge_usage(self._counts, data["message"].get("usage"))
            data["message"]["model"] = self._model
            return encode_event(orjson.dumps(data), event.event)
        if kind == "message_delta":
            merge_usage(self._counts, data.get("usage"))
        elif kind == "message_stop":
            self.complete = True
        return encode_event(event.data, event.event)
