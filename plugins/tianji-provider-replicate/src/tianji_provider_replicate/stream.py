"""Replicate's stream of a prediction as chunks of chat.

Source: Replicate's guide "Streaming output": server-sent events `output` (a piece of text), `logs`, `error`, `done`.
"""

from __future__ import annotations

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.openai_compat.reasoning import ThinkSplitter
from tianji_core.translate.chunks import split_response
from tianji_core.wire.sse import MAX_EVENT_BYTES, Event, EventTooLarge, SSEDecoder
from tianji_provider_replicate import prediction


class ReplicateStreamDecoder(StreamDecoder):
    """The events of a stream; or the whole prediction, of a model that has no stream."""

    def __init__(self, model: str, answer_id: str) -> None:
        self._model = model
        self._head: Body = {"id": answer_id, "object": "chat.completion.chunk", "created": 0, "model": model}
        self._events = SSEDecoder()
        self._splitter = ThinkSplitter()
        self._whole: bytearray | None = None
        self._begun = self._started = False

    def feed(self, data: bytes) -> list[Body]:
        if not self._begun:
            data = data.lstrip()
            self._begun = bool(data)
            if data[:1] == b"{":
                self._whole = bytearray()
        if self._whole is not None:
            if len(self._whole) + len(data) <= MAX_EVENT_BYTES:
                self._whole += data
            else:
                self._fail(BadGatewayError("The provider's answer is too large.", provider=prediction.NAME))
            return []
        try:
            return self._chunks(self._events.feed(data))
        except EventTooLarge as error:
            return self._fail(
                BadGatewayError(f"The provider's stream makes no sense: {error}.", provider=prediction.NAME)
            )

    def finish(self) -> list[Body]:
        if self._whole is not None:
            return [] if self.error is not None else self._prediction(bytes(self._whole))
        # A last event without its blank line may be the half of one, but for the one that is always the same.
        return self._chunks([event for event in self._events.finish() if event.event == "done" and _object(event.data)])

    def _prediction(self, body: bytes) -> list[Body]:
        try:
            found = prediction.read(body)
            prediction.check(found)
            answer = prediction.chat_answer(found, self._model)
        except GatewayError as error:
            return self._fail(error)
        self.complete = True
        return split_response(answer)

    def _chunks(self, events: list[Event]) -> list[Body]:
        chunks: list[Body] = []
        for event in events:
            if self.error is not None or self.complete:
                break
            if event.event == "output":
                chunks += self._said(*self._splitter.feed(event.data.decode("utf-8", "replace")))
            elif event.event == "error":
                self._fail(prediction.failure(_error_text(event.data)))
            elif event.event == "done":
                chunks += self._done(event.data)
            elif event.event != "logs":
                self._fail(
                    BadGatewayError("The provider's stream holds an event of no known kind.", provider=prediction.NAME)
                )
        return chunks

    def _done(self, data: bytes) -> list[Body]:
        reason = (_object(data) or {}).get("reason")
        if reason == "canceled":
            return self._fail(prediction.failure(None, "canceled"))
        if reason == "error":
            return self._fail(prediction.failure(None))
        self.complete = True
        return [*self._said(*self._splitter.finish()), self._chunk({}, "stop")]

    def _said(self, reasoning: str, content: str) -> list[Body]:
        delta = {name: text for name, text in (("reasoning_content", reasoning), ("content", content)) if text}
        return [self._chunk(delta)] if delta else []

    def _chunk(self, delta: Body, reason: str | None = None) -> Body:
        if not self._started:
            self._started = True
            delta = {"role": "assistant", **delta}
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def _fail(self, error: GatewayError) -> list[Body]:
        self.error = error
        return []


def _object(data: bytes) -> Body | None:
    try:
        value = orjson.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _error_text(data: bytes) -> str:
    """What an `error` event says: a text, or an object with it."""
    fields = _object(data)
    if fields is None:
        return data.decode("utf-8", "replace")
    texts = [fields.get(name) for name in ("detail", "error", "message")]
    return next((text for text in texts if isinstance(text, str)), "")
