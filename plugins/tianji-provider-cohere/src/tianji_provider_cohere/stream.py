"""From the events of Cohere's streamed chat to chunks.

Source: Cohere's "Chat with Streaming" API reference. Each event has a `type`; what it adds is in `delta.message`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.openai_compat.stream import is_cut_off
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder
from tianji_provider_cohere.response import (
    chat_usage,
    failure,
    finish_reason,
    specific_fields,
    token_logprobs,
    url_citations,
)

ParseError = Callable[[int, Headers, bytes], GatewayError]


class CohereStreamDecoder(StreamDecoder):
    """Calls are numbered in the order in which they begin, whatever index Cohere gives them."""

    def __init__(self, model: str, parse_error: ParseError) -> None:
        self._events = SSEDecoder()
        self._parse_error = parse_error
        self._head: Body = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": model}
        self._begun = False
        self._numbers: dict[Any, int] = {}
        self._calls = 0
        self._empty: set[int] = set()
        self._plan = ""
        self._citations: list[Body] = []

    def feed(self, data: bytes) -> list[Body]:
        try:
            return self._chunks(self._events.feed(data))
        except EventTooLarge as error:
            self.error = BadGatewayError(f"The provider's stream makes no sense: {error}.")
            return []

    def finish(self) -> list[Body]:
        return self._chunks([event for event in self._events.finish() if not is_cut_off(event)])

    def _chunks(self, events: list[Event]) -> list[Body]:
        chunks: list[Body] = []
        for event in events:
            if self.error is not None or self.complete:
                break
            if event.data.strip() == DONE:
                continue  # `message-end` is the end
            chunks += self._decode(event)
        return chunks

    def _decode(self, event: Event) -> list[Body]:
        try:
            value = orjson.loads(event.data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self.error = BadGatewayError("The provider's stream holds an event that is not a JSON object.")
            return []
        kind = value.get("type") or event.event
        if kind == "message-end":
            return self._end(value)
        if kind == "error" or (not isinstance(value.get("type"), str) and "message" in value):
            self.error = self._parse_error(500, Headers(), event.data)
            return []
        message = _object(_object(value.get("delta")).get("message"))
        delta: Body | None = None
        if kind == "message-start":
            self._head["id"] = str(value.get("id") or "")
        elif kind in ("content-start", "content-delta"):
            return self._content(_object(message.get("content")), value.get("logprobs"))
        elif kind == "tool-plan-delta":
            delta = self._planned(message.get("tool_plan"))
        elif kind in ("tool-call-start", "tool-call-delta", "tool-call-end"):
            delta = self._call(str(kind), value.get("index"), _first(message.get("tool_calls")))
        elif kind == "citation-start":
            delta = self._cited(_first(message.get("citations")))
        return [] if delta is None else [self._chunk(delta)]

    def _chunk(self, delta: Body, finish: str | None = None, logprobs: list[Body] | None = None) -> Body:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        choice: Body = {"index": 0, "delta": delta, "finish_reason": finish}
        if logprobs:
            choice["logprobs"] = {"content": logprobs, "refusal": None}
        return {**self._head, "choices": [choice]}

    def _content(self, content: Body, logprobs: Any) -> list[Body]:
        delta: Body = {}
        for theirs, ours in (("thinking", "reasoning_content"), ("text", "content")):
            if isinstance(content.get(theirs), str) and content[theirs]:
                delta[ours] = content[theirs]
        entries = token_logprobs(logprobs)
        return [self._chunk(delta, logprobs=entries)] if delta or entries else []

    def _planned(self, plan: Any) -> Body | None:
        if not isinstance(plan, str) or not plan:
            return None
        self._plan += plan
        return {"reasoning_content": plan}

    def _call(self, kind: str, index: Any, call: Body) -> Body | None:
        key = index if isinstance(index, int | str) else None
        function = _object(call.get("function"))
        arguments = function.get("arguments")
        arguments = arguments if isinstance(arguments, str) else ""
        if kind == "tool-call-start":
            number = self._numbers[key] = self._calls
            self._calls += 1
            if not arguments:
                self._empty.add(number)
            named = {"name": function.get("name") or "", "arguments": arguments}
            return {"tool_calls": [{"index": number, "id": call.get("id"), "type": "function", "function": named}]}
        found = self._numbers.get(key)
        if found is None:
            return None  # of a call that never began
        if kind == "tool-call-end":
            if found not in self._empty:
                return None
            arguments = "{}"
        elif not arguments:
            return None
        self._empty.discard(found)
        return {"tool_calls": [{"index": found, "function": {"arguments": arguments}}]}

    def _cited(self, citation: Body) -> Body | None:
        if not citation:
            return None
        self._citations.append(citation)
        notes = url_citations(citation)
        return {"annotations": notes} if notes else None

    def _end(self, value: Body) -> list[Body]:
        delta = _object(value.get("delta"))
        reason = delta.get("finish_reason")
        self.error = failure(reason, delta.get("error"))
        if self.error is not None:
            return []
        self.complete = True
        own = specific_fields(self._plan, self._citations)
        last: Body = {"provider_specific_fields": own} if own else {}
        chunks = [self._chunk(last, finish_reason(reason, self._calls > 0))]
        usage = chat_usage(delta.get("usage"))
        if usage is not None:
            chunks.append({**self._head, "choices": [], "usage": usage})
        return chunks


def _object(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Body:
    """The reference has one object where older answers have a list of one."""
    return _object(value[0] if isinstance(value, list) and value else value)
