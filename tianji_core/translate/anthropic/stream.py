"""Anthropic's stream as chat-completion chunks.

Source: Anthropic's "Streaming Messages" page. `MessageStream` works on the events themselves, which other hosts frame
otherwise (Bedrock); `AnthropicStreamDecoder` reads them from server-sent events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.translate.anthropic.errors import stream_error
from tianji_core.translate.anthropic.response import (
    NO_CLOCK,
    WEB_RESULTS,
    ReplyContext,
    dumps,
    finish_reason,
    stop_fields,
    thinking_block,
)
from tianji_core.translate.anthropic.usage import CHARACTERS_PER_TOKEN, merge_usage, openai_usage
from tianji_core.translate.shapes import as_object, as_text
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder


class AnthropicStreamDecoder(StreamDecoder):
    """Server-sent events of the Messages API, ended by `message_stop`."""

    def __init__(self, context: ReplyContext) -> None:
        self._events = SSEDecoder()
        self._stream = MessageStream(context)
        self._provider = context.provider

    def feed(self, data: bytes) -> list[Body]:
        try:
            return self._chunks(self._events.feed(data))
        except EventTooLarge as error:
            self.error = BadGatewayError(f"The provider's stream makes no sense: {error}.", provider=self._provider)
            return []

    def finish(self) -> list[Body]:
        return [*self._chunks(self._events.finish()), *self._stream.end()]

    def _chunks(self, events: list[Event]) -> list[Body]:
        chunks: list[Body] = []
        for event in events:
            if self.error is not None or self.complete:
                break
            chunks += self._on_event(event)
            self.error, self.complete = self._stream.error, self._stream.complete
        return chunks

    def _on_event(self, event: Event) -> list[Body]:
        if event.data.strip() == DONE:
            return []  # some proxies add OpenAI's end
        try:
            value = orjson.loads(event.data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return self._stream.fail(
                BadGatewayError(
                    "The provider's stream holds an event that is not a JSON object.", provider=self._provider
                )
            )
        return self._stream.on_event(value.get("type") or event.event, value)


@dataclass(slots=True)
class _OpenBlock:
    """A content block that was started and not yet stopped."""

    kind: str
    block: dict[str, Any]
    tool: int = -1
    """The index of the call, if it is one."""
    has_input: bool = False


class MessageStream:
    """The state of one streamed message: events in, chunks out. Never raises, whatever the events hold.

    Nothing comes out before there is content: a stream that fails at its start may still be tried elsewhere.
    """

    def __init__(self, context: ReplyContext) -> None:
        self.error: GatewayError | None = None
        self.complete = False
        self._context = context
        self._id = ""
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._blocks: dict[Any, _OpenBlock] = {}
        self._started = False
        self._finished = False
        self._tools = 0
        self._own_calls = False
        self._answered = False
        self._held: list[str] = []
        self._results: dict[str, list[dict[str, Any]]] = {}
        self._characters = 0
        self._thought = 0
        self._hidden_thinking = False

    def on_event(self, kind: str, event: dict[str, Any]) -> list[Body]:
        """The chunks that an event becomes."""
        if kind == "content_block_delta":  # nearly all of them
            return self._on_delta(event.get("index"), as_object(event.get("delta")))
        if kind == "content_block_start":
            return self._on_start(event.get("index"), as_object(event.get("content_block")))
        if kind == "content_block_stop":
            return self._on_stop(event.get("index"))
        if kind == "message_start":
            message = as_object(event.get("message"))
            self._id, self._model = as_text(message.get("id")), as_text(message.get("model"))
            merge_usage(self._usage, message.get("usage"))
            return []
        if kind == "message_delta":
            return self._on_message_delta(event)
        if kind == "message_stop":
            chunks = [] if self._finished else self._finish({})
            self.complete = True
            return [*chunks, self._usage_chunk()]
        if kind == "error":
            return self.fail(stream_error(event, self._context.provider))
        return []  # `ping`, and what the vendor may add

    def fail(self, error: GatewayError) -> list[Body]:
        """End the stream with an error; what was generated until then has been paid for."""
        self.error = error
        return self._unfinished_usage()

    def end(self) -> list[Body]:
        """The chunks that are left when the body ends."""
        return [] if self.complete or self.error is not None else self._unfinished_usage()

    # -- blocks ------------------------------------------------------------------------------------------------

    def _on_start(self, index: Any, block: dict[str, Any]) -> list[Body]:
        kind = as_text(block.get("type"))
        opened = _OpenBlock(kind, block)
        if isinstance(index, int):
            self._blocks[index] = opened
        if kind == "text":
            return self._on_text(as_text(block.get("text")))
        if kind in ("tool_use", "server_tool_use"):
            return self._on_call(opened)
        if kind == "thinking":
            return self._on_thinking(as_text(block.get("thinking")))
        if kind == "redacted_thinking":
            self._hidden_thinking = True
            return [self._chunk({"thinking_blocks": [thinking_block(block)]})]
        if kind.endswith("_tool_result"):
            name = "web_search_results" if kind in WEB_RESULTS else "tool_results"
            found = self._results.setdefault(name, [])
            found.append(block)
            return [self._chunk({"provider_specific_fields": {name: list(found)}})]
        return []

    def _on_call(self, opened: _OpenBlock) -> list[Body]:
        block = opened.block
        if self._context.is_answer(block):
            opened.kind = "ignored" if self._answered else "answer"
            self._answered = True
            self._held.clear()
            return []
        opened.tool, self._tools = self._tools, self._tools + 1
        self._own_calls = self._own_calls or opened.kind == "tool_use"
        function = {"name": self._context.names.to_caller(as_text(block.get("name"))), "arguments": ""}
        call = {"index": opened.tool, "id": block.get("id"), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _on_delta(self, index: Any, delta: dict[str, Any]) -> list[Body]:
        kind = delta.get("type")
        if kind == "text_delta":
            return self._on_text(as_text(delta.get("text")))
        opened = self._blocks.get(index) if isinstance(index, int) else None
        if kind == "input_json_delta":
            return self._on_input(opened, as_text(delta.get("partial_json")))
        if kind == "thinking_delta":
            return self._on_thinking(as_text(delta.get("thinking")))
        if kind == "signature_delta":
            signed = {"type": "thinking", "thinking": "", "signature": as_text(delta.get("signature"))}
            return [self._chunk({"thinking_blocks": [signed]})]
        if kind == "citations_delta" and delta.get("citation"):
            return [self._chunk({"provider_specific_fields": {"citation": delta["citation"]}})]
        if kind == "compaction_delta" and opened is not None:
            opened.block = {**opened.block, **{k: v for k, v in delta.items() if k != "type"}}
        return []

    def _on_text(self, text: str) -> list[Body]:
        if not text:
            return []
        self._characters += len(text)
        if self._answered:
            return []  # the JSON is the answer
        if self._context.json_mode == "tool":
            self._held.append(text)  # it counts only if the model does not use the tool
            return []
        return [self._chunk({"content": text})]

    def _on_thinking(self, text: str) -> list[Body]:
        if not text:
            return []
        self._thought += len(text)
        return [self._chunk({"reasoning_content": text, "thinking_blocks": [{"type": "thinking", "thinking": text}]})]

    def _on_input(self, opened: _OpenBlock | None, json: str) -> list[Body]:
        if opened is None or not json:
            return []
        opened.has_input = True
        self._characters += len(json)
        if opened.kind == "answer":
            return [self._chunk({"content": json})]
        if opened.tool < 0:
            return []
        return [self._chunk({"tool_calls": [{"index": opened.tool, "function": {"arguments": json}}]})]

    def _on_stop(self, index: Any) -> list[Body]:
        opened = self._blocks.pop(index, None) if isinstance(index, int) else None
        if opened is None:
            return []
        if opened.kind == "compaction":
            return [self._chunk({"provider_specific_fields": {"compaction_blocks": [opened.block]}})]
        if not opened.has_input and (opened.tool >= 0 or opened.kind == "answer"):
            # A call without parameters has no input at all, where OpenAI's clients parse the arguments as JSON.
            return self._on_input(opened, dumps(opened.block.get("input") or {}))
        return []

    # -- the end -----------------------------------------------------------------------------------------------

    def _on_message_delta(self, event: dict[str, Any]) -> list[Body]:
        merge_usage(self._usage, event.get("usage"))
        delta = as_object(event.get("delta"))
        if self._finished or not delta.get("stop_reason"):
            return []
        extra = {name: event[name] for name in ("context_management",) if event.get(name)}
        return self._finish({**delta, **extra})

    def _finish(self, delta: dict[str, Any]) -> list[Body]:
        self._finished = True
        chunks = [self._chunk({"content": "".join(self._held)})] if self._held else []
        fields = stop_fields(delta)
        fields.update((name, delta[name]) for name in ("container", "context_management") if delta.get(name))
        reason = finish_reason(delta.get("stop_reason"), answered=self._answered and not self._own_calls)
        chunks.append(self._chunk({"provider_specific_fields": fields} if fields else {}, reason))
        return chunks

    def _unfinished_usage(self) -> list[Body]:
        """The usage of a stream that broke off, its output estimated; none if nothing has gone out."""
        if not self._started:
            return []
        told = self._usage.get("output_tokens")
        guess = (self._characters + self._thought) // CHARACTERS_PER_TOKEN
        self._usage["output_tokens"] = max(told if isinstance(told, int) else 0, guess)
        return [self._usage_chunk()]

    def _usage_chunk(self) -> Body:
        seen = None if self._hidden_thinking and not self._thought else self._thought
        return {**self._head(), "choices": [], "usage": openai_usage(self._usage, reasoning_characters=seen)}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Body:
        if not self._started:
            self._started = True
            delta = {"role": "assistant", **delta}
        return {**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    def _head(self) -> Body:
        return {"id": self._id, "object": "chat.completion.chunk", "created": NO_CLOCK, "model": self._model}
