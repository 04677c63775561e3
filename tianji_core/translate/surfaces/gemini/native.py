"""Streams of generateContent from Google itself: passed on, with usage and the end noticed."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.gemini.errors import error_in
from tianji_core.translate.gemini.grounding import searches
from tianji_core.translate.gemini.usage import openai_usage
from tianji_core.translate.shapes import as_object, objects
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder, encode_event


class NativeGemini:
    """One stream. Every event is read, as each may be the last of a candidate, and goes out as it came.

    See `surfaces.contract.NativeStream`.
    """

    number = 0

    def __init__(self) -> None:
        self._events = SSEDecoder()
        self._counts: Body = {}
        self._searches: dict[int, int] = {}
        self._open: dict[int, bool] = {}  # candidates, and whether they still go on
        self._blocked = False
        self.error: Body | None = None

    @property
    def complete(self) -> bool:
        return self._blocked or (bool(self._open) and not any(self._open.values()))

    @property
    def usage(self) -> dict[str, Any] | None:
        return openai_usage(self._counts, searches=sum(self._searches.values()))

    def feed(self, data: bytes) -> bytes:
        try:
            return b"".join([self._pass(event) for event in self._events.feed(data)])
        except EventTooLarge as error:
            self.error = _senseless(str(error))
            return b""

    def finish(self) -> bytes:
        # An event that was cut off is none: then the stream is not complete.
        return b"".join([self._pass(event) for event in self._events.finish() if event.data.rstrip().endswith(b"}")])

    def _pass(self, event: Event) -> bytes:
        if self.error is not None or event.data.strip() in (b"", DONE):
            return b""
        try:
            value = orjson.loads(event.data)
        except ValueError:
            value = None
        if (error := error_in(value)) is not None:
            self.error = {"error": error}
            return b""
        if not isinstance(value, dict):
            self.error = _senseless("The stream makes no sense.")
            return b""
        self._read(value)
        return encode_event(event.data if b"\n" not in event.data else orjson.dumps(value))

    def _read(self, value: Body) -> None:
        counts = as_object(value.get("usageMetadata"))
        self._counts.update((name, count) for name, count in counts.items() if count is not None)
        candidates = objects(value.get("candidates"))
        for at, candidate in enumerate(candidates):
            told = candidate.get("index")
            index = told if isinstance(told, int) else at
            self._open[index] = self._open.get(index, True) and not candidate.get("finishReason")
            if candidate.get("groundingMetadata"):
                self._searches[index] = searches(candidate["groundingMetadata"])
        if not candidates and as_object(value.get("promptFeedback")).get("blockReason"):
            self._blocked = True


def answer_usage(answer: Body) -> dict[str, Any] | None:
    """What a whole answer says of usage, as OpenAI counts."""
    grounded = sum(searches(each.get("groundingMetadata")) for each in objects(answer.get("candidates")))
    return openai_usage(answer.get("usageMetadata"), searches=grounded)


def _senseless(text: str) -> Body:
    return {"error": {"code": 502, "message": text, "status": "UNAVAILABLE"}}
