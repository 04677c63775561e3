"""A stream of Converse as chat-completion chunks.

Source: Bedrock API reference, `ConverseStream`. The usage comes in `metadata`, after the message has stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.translate.shapes import as_object, as_text
from tianji_provider_bedrock.errors import stream_error
from tianji_provider_bedrock.eventstream import Frame, FrameDecoder
from tianji_provider_bedrock.response import (
    NO_CLOCK,
    ReplyContext,
    converse_usage,
    dumps,
    finish_reason,
    stop_fields,
    told,
    web_annotation,
)


class FramedDecoder(StreamDecoder):
    """Reads frames, tells exceptions in them, and leaves events to `on_event`."""

    def __init__(self, provider: str) -> None:
        self._frames = FrameDecoder()
        self._provider = provider

    def feed(self, data: bytes) -> list[Body]:
        chunks: list[Body] = []
        for frame in self._frames.feed(data):
            if self.error is not None:
                return chunks
            chunks += self._on_frame(frame)
        if self._frames.broken and self.error is None and not self.complete:
            self.error = self.broken(self._frames.broken)
        return chunks

    def on_event(self, kind: str, event: dict[str, Any]) -> list[Body]:
        raise NotImplementedError

    def broken(self, what: str) -> GatewayError:
        return broken(what, self._provider)

    def _on_frame(self, frame: Frame) -> list[Body]:
        event = event_of(frame, self._provider)
        if isinstance(event, GatewayError):
            self.error = event
            return []
        return self.on_event(frame.headers.get(":event-type", ""), event)


def event_of(frame: Frame, provider: str) -> dict[str, Any] | GatewayError:
    """The event in a frame, or the error that it tells."""
    if frame.headers.get(":message-type") == "event":
        try:
            event = orjson.loads(frame.payload)
        except ValueError:
            event = None
        return event if isinstance(event, dict) else broken("an event is not a JSON object", provider)
    name = frame.headers.get(":exception-type") or frame.headers.get(":error-code") or "InternalServerException"
    payload = frame.payload or dumps({"message": frame.headers.get(":error-message")}).encode()
    return stream_error(name, payload, provider)


def broken(what: str, provider: str) -> GatewayError:
    """The error of a stream that cannot be read."""
    return BadGatewayError(f"The provider's stream makes no sense: {what}.", provider=provider)


@dataclass(slots=True)
class _OpenCall:
    """A call whose input is arriving."""

    tool: int
    """Its index; -1 if it is the answer, given through the JSON tool, and -2 if nobody is to see it."""
    has_input: bool = False


class ConverseDecoder(FramedDecoder):
    """Events of `ConverseStream`, of one message. Never raises, whatever they hold.

    Nothing comes out before there is content: a stream that fails at its start may still be tried elsewhere.
    """

    def __init__(self, context: ReplyContext, provider: str) -> None:
        super().__init__(provider)
        self._context = context
        self._open: dict[Any, _OpenCall] = {}
        self._tools = 0
        self._own_calls = False
        self._answered = False
        self._started = False
        self._stopped = False
        self._length = 0
        self._thought = 0
        self._hidden = False
        self._extra: dict[str, Any] = {}

    def finish(self) -> list[Body]:
        if self._stopped and self.error is None:
            self.complete = True  # the answer is whole, though nobody counted it
        return []

    def on_event(self, kind: str, event: dict[str, Any]) -> list[Body]:
        index = event.get("contentBlockIndex")
        index = index if isinstance(index, int) else None
        if kind == "contentBlockDelta":  # nearly all of them
            return self._on_delta(index, as_object(event.get("delta")))
        if kind == "contentBlockStart":
            return self._on_start(index, as_object(event.get("start")))
        if kind == "contentBlockStop":
            return self._on_stop(index)
        if kind == "messageStop":
            return self._on_message_stop(event)
        if kind == "metadata":
            return self._on_metadata(event)
        return []  # `messageStart`, and what the vendor may add

    def _on_start(self, index: int | None, start: dict[str, Any]) -> list[Body]:
        use = as_object(start.get("toolUse"))
        if not use:
            return []
        if use.get("type") == "server_tool_use":
            self._open[index] = _OpenCall(-2)
            return []
        if self._context.is_answer(use):
            self._open[index] = _OpenCall(-2 if self._answered else -1)
            self._answered = True
            return []
        opened = self._open[index] = _OpenCall(self._tools)
        self._tools += 1
        self._own_calls = True
        function = {"name": self._context.names.to_caller(as_text(use.get("name"))), "arguments": ""}
        call = {"index": opened.tool, "id": use.get("toolUseId"), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _on_delta(self, index: int | None, delta: dict[str, Any]) -> list[Body]:
        if text := as_text(delta.get("text")):
            if self._answered:
                return []  # the JSON is the answer
            self._length += len(text)
            return [self._chunk({"content": text})]
        if use := as_object(delta.get("toolUse")):
            return self._on_input(self._open.get(index), as_text(use.get("input")))
        if reasoning := as_object(delta.get("reasoningContent")):
            return self._on_reasoning(reasoning)
        if citation := as_object(delta.get("citation")):
            annotation = web_annotation(citation, 0, self._length)
            if annotation is not None:
                return [self._chunk({"annotations": [annotation]})]
            return [self._chunk({"provider_specific_fields": {"citation": citation}})]
        return []

    def _on_input(self, opened: _OpenCall | None, json: str) -> list[Body]:
        if opened is None or not json:
            return []
        opened.has_input = True
        if opened.tool == -1:
            return [self._chunk({"content": json})]
        if opened.tool < 0:
            return []
        return [self._chunk({"tool_calls": [{"index": opened.tool, "function": {"arguments": json}}]})]

    def _on_reasoning(self, reasoning: dict[str, Any]) -> list[Body]:
        chunks = []
        if text := as_text(reasoning.get("text")):
            self._thought += len(text)
            thinking = {"type": "thinking", "thinking": text}
            chunks.append(self._chunk({"reasoning_content": text, "thinking_blocks": [thinking]}))
        if signature := as_text(reasoning.get("signature")):
            signed = {"type": "thinking", "thinking": "", "signature": signature}
            chunks.append(self._chunk({"thinking_blocks": [signed]}))
        if data := as_text(reasoning.get("redactedContent")):
            self._hidden = True
            chunks.append(self._chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": data}]}))
        return chunks

    def _on_stop(self, index: int | None) -> list[Body]:
        opened = self._open.pop(index, None)
        if opened is None or opened.has_input:
            return []
        # A call without parameters has no input at all, where OpenAI's clients parse the arguments as JSON.
        return self._on_input(opened, "{}")

    def _on_message_stop(self, event: dict[str, Any]) -> list[Body]:
        if self._stopped:
            return []
        chunks = [chunk for index in list(self._open) for chunk in self._on_stop(index)]
        self._stopped = True
        self._extra = as_object(event.get("additionalModelResponseFields"))
        reason = event.get("stopReason")
        fields = stop_fields(reason)
        finish = finish_reason(reason, answered=self._answered and not self._own_calls)
        return [*chunks, self._chunk({"provider_specific_fields": fields} if fields else {}, finish)]

    def _on_metadata(self, event: dict[str, Any]) -> list[Body]:
        if self.complete or not self._stopped:
            return []
        self.complete = True
        seen = None if self._hidden and not self._thought else self._thought
        usage = converse_usage(event.get("usage"), self._extra, seen)
        return [{**self._head(), "choices": [], "usage": usage, **told(event)}]

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Body:
        if not self._started:
            self._started = True
            delta = {"role": "assistant", **delta}
        return {**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def _head(self) -> Body:
        return {"id": "", "object": "chat.completion.chunk", "created": NO_CLOCK, "model": ""}
