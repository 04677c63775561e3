"""Decoding a stream in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder

NO_HEADERS = Headers()


class OpenAIStreamDecoder(StreamDecoder):
    """Server-sent events of `chat.completion.chunk` (or `text_completion`) objects, ended by `[DONE]`.

    A stream counts as complete after `[DONE]`, or without it once a finish reason was seen: some vendors leave the
    last line out.
    """

    def __init__(
        self,
        parse_error: Callable[[int, Headers, bytes], GatewayError],
        patch_chunk: Callable[[Body], None] | None = None,
    ) -> None:
        self._events = SSEDecoder()
        self._parse_error = parse_error
        self._patch = patch_chunk
        self._finished = False

    def feed(self, data: bytes) -> list[Body]:
        try:
            return self._chunks(self._events.feed(data))
        except EventTooLarge as error:
            self.error = BadGatewayError(f"The provider's stream makes no sense: {error}.")
            return []

    def finish(self) -> list[Body]:
        chunks = self._chunks([event for event in self._events.finish() if not is_cut_off(event)])
        self.complete = self.complete or self._finished
        return chunks

    def _chunks(self, events: list[Event]) -> list[Body]:
        chunks: list[Body] = []
        for event in events:
            if self.error is not None or self.complete:
                break
            if event.data.strip() == DONE:
                self.complete = True
                break
            chunk = self._decode(event)
            if chunk is not None:
                chunks.append(chunk)
        return chunks

    def _decode(self, event: Event) -> Body | None:
        try:
            chunk = orjson.loads(event.data)
        except ValueError:
            self.error = BadGatewayError("The provider's stream holds an event that is not JSON.")
            return None
        if not isinstance(chunk, dict):
            self.error = BadGatewayError("The provider's stream holds an event that is not an object.")
            return None
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            self.error = BadGatewayError("The provider's stream holds a chunk that makes no sense.")
            return None
        if self._patch is not None:
            self._patch(chunk)
        error = stream_error(chunk, event.event, self._parse_error)
        if error is not None:
            self.error = error
            return None
        for choice in choices:
            if isinstance(choice, dict) and choice.get("finish_reason"):
                self._finished = True
        return chunk


def is_cut_off(event: Event) -> bool:
    """Whether the last event of a body, which came without its blank line, is only the beginning of one."""
    try:
        return event.data.strip() != DONE and orjson.loads(event.data) is None
    except ValueError:
        return True


def stream_error(
    chunk: Body, event: str, parse_error: Callable[[int, Headers, bytes], GatewayError]
) -> GatewayError | None:
    """The error that a vendor reports inside a stream, if this chunk (already patched to OpenAI's shape) is one."""
    error = chunk.get("error")
    if not error and event != "error":
        return None
    status = chunk.get("status_code")  # Cerebras tells it beside the error
    if not (type(status) is int and 400 <= status <= 599):
        status = error_status(error)
    return parse_error(status, NO_HEADERS, orjson.dumps(chunk))


def error_status(error: object) -> int:
    """The HTTP status that an error told with status 200 stands for: its numeric code, or its type's usual status."""
    if isinstance(error, dict):
        for key in ("code", "status", "status_code"):
            value = error.get(key)
            if isinstance(value, str) and value.isascii() and value.isdigit():
                value = int(value)
            if isinstance(value, int) and 400 <= value <= 599:
                return value
        word = f"{error.get('type')} {error.get('code')}"
        for text, status in _STATUS_WORDS:
            if text in word:
                return status
    return 500


_STATUS_WORDS = (
    ("rate_limit", 429),
    ("too_many_requests", 429),
    ("overloaded", 503),
    ("invalid_request", 400),
    ("context_length", 400),
    ("authentication", 401),
    ("permission", 403),
    ("not_found", 404),
)
