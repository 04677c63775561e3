"""Chat chunks as the events of a streamed Message.

The order is Anthropic's (https://docs.anthropic.com/en/docs/build-with-claude/streaming): a `message_start`, blocks one
after the other, each with start, deltas and stop, then `message_delta` with stop reason and usage, `message_stop`.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.calls import CallQueue
from tianji_core.translate.surfaces.messages.response import (
    NO_TIER,
    message_id,
    message_usage,
    stop_reason,
    stopped,
    text_block,
    tool_use_id,
)
from tianji_core.wire.sse import encode_event


class MessageEvents:
    """Writes one stream."""

    number = 0

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._index = -1
        self._open = ""  # the type of the block that is open
        self._call: int | None = None  # which tool call it is
        self._calls = CallQueue()
        self._finish: str | None = None
        self._refused = False

    def write(self, chunk: Body) -> bytes:
        """The events that a chunk brings."""
        events: list[Body] = []
        if not self._started:
            self._started = True
            events.append(self._start(chunk))
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            self._delta(choice.get("delta") or {}, events)
            if choice.get("finish_reason"):
                self._finish = choice["finish_reason"]
        return _encoded(events)

    def end(self, usage: Any) -> bytes:
        """The last events; `usage` is what the vendor counted, if it did."""
        events: list[Body] = []
        if not self._started:
            self._started = True
            events.append(self._start({}))
        self._flush(events)
        if self._index < 0:  # some clients expect a block in every message
            self._begin(text_block(""), events)
        self._stop(events)
        reason = stop_reason(self._finish, refused=self._refused)
        ended = {"container": None, **stopped(reason)}
        events.append({"type": "message_delta", "delta": ended, "usage": message_usage(usage)})
        events.append({"type": "message_stop"})
        return _encoded(events)

    def _start(self, chunk: Body) -> Body:
        message: Body = {
            "id": message_id(chunk.get("id")),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "container": None,
            **stopped(None),
            "usage": {**message_usage(None), **NO_TIER},
        }
        return {"type": "message_start", "message": message}

    def _delta(self, delta: Body, events: list[Body]) -> None:
        blocks = delta.get("thinking_blocks")
        for block in blocks or ():
            self._thinking(block, events)
        if not blocks and isinstance(delta.get("reasoning_content"), str) and delta["reasoning_content"]:
            self._thinking({"type": "thinking", "thinking": delta["reasoning_content"]}, events)
        if delta.get("refusal"):
            self._refused = True
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            self._into("text", text_block(""), events)
            self._add({"type": "text_delta", "text": text}, events)
        for call in delta.get("tool_calls") or ():
            for index, told in self._calls.take(call):
                self._call_delta(index, told, events)

    def _thinking(self, block: Body, events: list[Body]) -> None:
        if block.get("type") == "redacted_thinking":
            self._stop(events)
            self._begin({"type": "redacted_thinking", "data": block.get("data", "")}, events)
            self._stop(events)
            return
        self._into("thinking", {"type": "thinking", "thinking": "", "signature": ""}, events)
        if block.get("thinking"):
            self._add({"type": "thinking_delta", "thinking": block["thinking"]}, events)
        if block.get("signature"):
            self._add({"type": "signature_delta", "signature": block["signature"]}, events)
            self._stop(events)  # a signature closes its block

    def _call_delta(self, index: int, call: Body, events: list[Body]) -> None:
        function = call.get("function") or {}
        if self._call != index or self._open != "tool_use":
            self._stop(events)
            self._call = index
            ident, name = tool_use_id(call.get("id")), function.get("name")
            block = {"type": "tool_use", "id": ident, "name": name, "input": {}, "caller": {"type": "direct"}}
            self._begin(block, events)
        if function.get("arguments"):
            self._add({"type": "input_json_delta", "partial_json": function["arguments"]}, events)

    def _flush(self, events: list[Body]) -> None:
        for index, call in self._calls.rest():
            self._call_delta(index, call, events)

    def _into(self, kind: str, block: Body, events: list[Body]) -> None:
        if self._open != kind:
            self._flush(events)
            self._stop(events)
            self._begin(block, events)

    def _begin(self, block: Body, events: list[Body]) -> None:
        self._index += 1
        self._open = block["type"]
        events.append({"type": "content_block_start", "index": self._index, "content_block": block})

    def _add(self, delta: Body, events: list[Body]) -> None:
        events.append({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _stop(self, events: list[Body]) -> None:
        if self._open:
            events.append({"type": "content_block_stop", "index": self._index})
            self._open = ""


def _encoded(events: list[Body]) -> bytes:
    return b"".join([encode_event(orjson.dumps(event), event["type"]) for event in events])
