"""Responses from a vendor that speaks them itself: passed on, with usage and the end noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.responses.response import native_usage
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder, encode_event

_LAST = ("response.completed", "response.incomplete", "response.failed")
_WHOLE = ("response.created", "response.in_progress", "response.queued", *_LAST)
_ENVELOPES = tuple(f'"{kind}"'.encode() for kind in _WHOLE)


class NativeResponses:
    """One stream. Only events that hold the whole response are decoded; see `surfaces.contract.NativeStream`.

    `model` is put into each such response, unless None, and `stamp` may change it further, in place;
    `mark` does so with items outside of it that hold something encrypted.
    """

    def __init__(
        self,
        model: str | None,
        stamp: Callable[[Body], None] | None = None,
        mark: Callable[[Body], None] | None = None,
    ) -> None:
        self._model = model
        self._stamp = stamp
        self._mark = mark
        self._events = SSEDecoder()
        self.usage: dict[str, Any] | None = None
        self.complete = False
        self.error: Body | None = None
        self.number = 0

    def feed(self, data: bytes) -> bytes:
        try:
            return b"".join([self._pass(event) for event in self._events.feed(data)])
        except EventTooLarge as error:
            self.error = {"error": {"message": str(error), "type": "server_error"}}
            return b""

    def finish(self) -> bytes:
        return b"".join([self._pass(event) for event in self._events.finish()])

    def _pass(self, event: Event) -> bytes:
        if self.error is not None or event.data == DONE:
            return b""
        if event.event == "error" or b'"error"' in event.data[:80] or any(w in event.data for w in _ENVELOPES):
            return self._read(event)
        self.number += 1
        if self._mark is not None and b'"encrypted_content"' in event.data:
            return self._marked(event, self._mark)
        return encode_event(event.data, event.event or _kind_of(event.data))

    def _marked(self, event: Event, mark: Callable[[Body], None]) -> bytes:
        try:
            data = orjson.loads(event.data)
            mark(data["item"])
        except (ValueError, KeyError, TypeError):
            return encode_event(event.data, event.event or _kind_of(event.data))  # a text that speaks of it
        return encode_event(orjson.dumps(data), str(data.get("type") or event.event))

    def _read(self, event: Event) -> bytes:
        try:
            data = orjson.loads(event.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            self.error = {"error": {"message": "The stream makes no sense.", "type": "server_error"}}
            return b""
        kind = str(data.get("type") or event.event)
        if kind == "error" or (data.get("error") and "response" not in data):
            self.error = data if isinstance(data.get("error"), dict) else {"error": data}
            return b""
        response = data.get("response")
        if isinstance(response, dict):
            if self._model is not None:
                response["model"] = self._model
            if self._stamp is not None:
                self._stamp(response)
            self.usage = native_usage(response) or self.usage
        self.complete = self.complete or kind in _LAST
        self.number += 1
        return encode_event(orjson.dumps(data), kind)


def _kind_of(data: bytes) -> str:
    """The type of an event whose vendor does not name it outside of its data."""
    try:
        return str(orjson.loads(data).get("type") or "")
    except (ValueError, AttributeError):
        return ""
