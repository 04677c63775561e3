"""A stream of generateContent as chat-completion chunks.

Source: "streamGenerateContent" in the Gemini API reference. Every event is a whole answer that holds only what is new;
token counts are totals. The end is that of the connection, so a stream is complete once its candidates have ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.translate.gemini.errors import error_in, stream_error
from tianji_core.translate.gemini.framing import Frames
from tianji_core.translate.gemini.grounding import searches, url_citations
from tianji_core.translate.gemini.logprobs import openai_logprobs
from tianji_core.translate.gemini.parts import PartsReader
from tianji_core.translate.gemini.response import (
    METADATA,
    NO_CLOCK,
    ReplyContext,
    blocking,
    finish_fields,
    finish_reason,
)
from tianji_core.translate.gemini.speech import chat_audio
from tianji_core.translate.gemini.usage import openai_usage
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.wire.sse import EventTooLarge


@dataclass(slots=True)
class _Candidate:
    """One candidate of the stream, as far as it has come."""

    index: int
    reader: PartsReader
    texts: list[str] = field(default_factory=list)
    searches: int = 0
    started: bool = False
    finished: bool = False


class GeminiStreamDecoder(StreamDecoder):
    """Events of streamGenerateContent, as server-sent events or as a JSON array. Never raises."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._frames = Frames()
        self._candidates: dict[int, _Candidate] = {}
        self._id = self._seed = ""
        self._model = context.model
        self._usage: dict[str, Any] = {}

    def feed(self, data: bytes) -> list[Body]:
        return self._chunks(self._frames.feed(data))

    def finish(self) -> list[Body]:
        chunks = self._chunks(self._frames.finish())
        if self.error is None:
            chunks += self._usage_chunk()
            ended = [candidate.finished for candidate in self._candidates.values()]
            self.complete = bool(ended) and all(ended)
        return chunks

    def _chunks(self, values: Iterator[Any]) -> list[Body]:
        chunks: list[Body] = []
        try:
            for value in values:
                if self.error is not None:
                    break
                chunks += self._on_value(value)
        except EventTooLarge as error:
            self.error = self._context.broken(f"The provider's stream makes no sense: {error}.")
        except ValueError:
            self.error = self._context.broken("The provider's stream holds an event that is not JSON.")
        return chunks

    def _on_value(self, value: Any) -> list[Body]:
        error = error_in(value)
        if error is not None:
            self.error = stream_error(error, self._context.provider)
            return self._usage_chunk()  # what was made until then has been paid for
        if not isinstance(value, dict):
            self.error = self._context.broken("The provider's stream holds an event that is not a JSON object.")
            return []
        if not self._seed:
            self._id = as_text(value.get("responseId"))
            self._seed = self._id or hashlib.sha256(orjson.dumps(value)).hexdigest()
            self._model = as_text(value.get("modelVersion")) or self._model
        usage = as_object(value.get("usageMetadata"))
        self._usage.update((name, count) for name, count in usage.items() if count is not None)
        chunks: list[Body] = []
        for at, each in enumerate(objects(value.get("candidates"))):
            chunks += self._on_candidate(at, each)
        if not chunks and (blocked := blocking(value)) is not None:
            chunks += self._blocked(blocked)
        return chunks

    def _on_candidate(self, at: int, part: dict[str, Any]) -> list[Body]:
        told = part.get("index")
        candidate = self._candidate(told if type(told) is int and 0 <= told < 1024 else at)
        pieces = candidate.reader.read(as_object(part.get("content")).get("parts"))
        candidate.texts += pieces.texts
        candidate.searches = max(candidate.searches, searches(part.get("groundingMetadata")))
        delta: Body = {}
        if pieces.thoughts:
            delta["reasoning_content"] = "".join(pieces.thoughts)
        if pieces.texts:
            delta["content"] = "".join(pieces.texts)
        if pieces.calls:
            delta["tool_calls"] = pieces.calls
        if pieces.images:
            delta["images"] = pieces.images
        if pieces.audio:
            delta["audio"] = chat_audio(pieces.audio, "")
        if found := url_citations(part.get("groundingMetadata"), ["".join(candidate.texts)]):
            delta["annotations"] = found
        if fields := pieces.fields():
            delta["provider_specific_fields"] = fields
        extra: Body = {name: [part[of]] for name, of in METADATA.items() if part.get(of)}
        logprobs = openai_logprobs(part.get("logprobsResult"))
        chunks = []
        if delta or extra or logprobs:
            chunks.append(self._chunk(candidate, delta, logprobs=logprobs) | extra)
        if part.get("finishReason") and not candidate.finished:
            candidate.finished = True
            reason = finish_reason(part["finishReason"], called=candidate.reader.calls > 0)
            chunks.append(self._chunk(candidate, {}, reason, finish_fields(part)))
        return chunks

    def _blocked(self, choice: Body) -> list[Body]:
        candidate = self._candidate(0)
        if candidate.finished:
            return []
        candidate.finished = True
        return [self._chunk(candidate, {}, choice["finish_reason"], choice["provider_specific_fields"])]

    def _candidate(self, index: int) -> _Candidate:
        if index not in self._candidates:
            reader = PartsReader(f"{self._seed}/{self._context.turns}/{index}", self._context.names)
            self._candidates[index] = _Candidate(index, reader)
        return self._candidates[index]

    def _chunk(
        self,
        candidate: _Candidate,
        delta: Body,
        reason: str | None = None,
        fields: Body | None = None,
        logprobs: Body | None = None,
    ) -> Body:
        if not candidate.started:
            candidate.started = True
            delta = {"role": "assistant", **delta}
        choice: Body = {"index": candidate.index, "delta": delta, "finish_reason": reason}
        if logprobs:
            choice["logprobs"] = logprobs
        if fields:
            choice["provider_specific_fields"] = fields
        return {**self._head(), "choices": [choice]}

    def _usage_chunk(self) -> list[Body]:
        """The counts, if any have come and something has gone out."""
        grounded = sum(candidate.searches for candidate in self._candidates.values())
        usage = openai_usage(self._usage, searches=grounded)
        return [{**self._head(), "choices": [], "usage": usage}] if usage and self._candidates else []

    def _head(self) -> Body:
        return {"id": self._id, "object": "chat.completion.chunk", "created": NO_CLOCK, "model": self._model}
