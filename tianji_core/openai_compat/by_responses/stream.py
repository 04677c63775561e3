"""The events of a streamed Response as chat chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.openai_compat.by_responses import response as whole
from tianji_core.openai_compat.stream import NO_HEADERS, is_cut_off
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.stops import StopCutter
from tianji_core.translate.surfaces.responses.response import native_usage
from tianji_core.wire.sse import DONE, Event, EventTooLarge, SSEDecoder

Part = tuple[Any, Any]
"""Which part of the answer an event is about: the numbers of the item and of the part in it."""


class ResponsesDecoder(StreamDecoder):
    """Reads one stream. It is complete with the event that holds the whole Response, and not before."""

    def __init__(self, parse_error: Callable[[int, Headers, bytes], GatewayError], stops: tuple[str, ...] = ()) -> None:
        self._events = SSEDecoder()
        self._parse_error = parse_error
        self._head: Body | None = None
        self._cutter = StopCutter(stops)
        self._length = 0  # characters of text so far
        self._texts: dict[Part, int] = {}  # where each part of text begins
        self._refused: set[Any] = set()
        self._reasoned: set[Any] = set()  # reasoning items of which some text was told
        self._calls: dict[Any, int] = {}  # numbers of the tool calls, by item
        self._filled: set[Any] = set()  # calls of which arguments were told
        self._chunks: list[Body] = []

    def feed(self, data: bytes) -> list[Body]:
        try:
            return self._read(self._events.feed(data))
        except EventTooLarge as error:
            self.error = BadGatewayError(f"The provider's stream makes no sense: {error}.")
            return []

    def finish(self) -> list[Body]:
        return self._read([event for event in self._events.finish() if not is_cut_off(event)])

    def _read(self, events: list[Event]) -> list[Body]:
        self._chunks = []
        for event in events:
            if self.error is not None or self.complete:
                break
            if event.data.strip() != DONE:  # some gateways end everything with it
                self._event(event)
        return self._chunks

    def _event(self, event: Event) -> None:
        try:
            data = orjson.loads(event.data)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            self.error = BadGatewayError("The provider's stream holds an event that is not a JSON object.")
            return
        kind = as_text(data.get("type")) or event.event
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, data)
        elif kind == "error" or (data.get("error") and "response" not in data):
            self._fail(data.get("error") or {k: data.get(k) for k in ("code", "message", "param")})

    # -- what the events say -----------------------------------------------------------------------------------

    def _begun(self, data: Body) -> None:
        if self._head is None:
            self._begin(as_object(data.get("response")))

    def _item_added(self, data: Body) -> None:
        item = as_object(data.get("item"))
        if item.get("type") == "function_call":
            self._call(_number(data), item)

    def _item_done(self, data: Body) -> None:
        """Tell what no delta has told, and the state of reasoning, which comes last."""
        number, item = _number(data), as_object(data.get("item"))
        kind = item.get("type")
        if kind == "reasoning":
            self._reasoning_done(number, item)
        elif kind == "function_call":
            self._call(number, item)
            if number not in self._filled:
                self._arguments(number, as_text(item.get("arguments")) or "{}")
        elif kind == "message":
            for at, part in enumerate(objects(item.get("content"))):
                if part.get("type") == "output_text" and (number, at) not in self._texts:
                    self._text((number, at), as_text(part.get("text")), part.get("logprobs"))
                    for annotation in objects(part.get("annotations")):
                        self._annotated((number, at), annotation)
                elif part.get("type") == "refusal" and number not in self._refused:
                    self._refusal({"delta": part.get("refusal"), "output_index": number})

    def _text_delta(self, data: Body) -> None:
        self._text(_part(data), as_text(data.get("delta")), data.get("logprobs"))

    def _annotation(self, data: Body) -> None:
        self._annotated(_part(data), as_object(data.get("annotation")))

    def _refusal(self, data: Body) -> None:
        self._refused.add(_number(data))
        if text := as_text(data.get("delta")):
            self._tell({"refusal": text})

    def _summary_part(self, data: Body) -> None:
        if data.get("summary_index") and _number(data) in self._reasoned:
            self._reasoning(_number(data), whole.BREAK)

    def _reasoning_delta(self, data: Body) -> None:
        self._reasoning(_number(data), as_text(data.get("delta")))

    def _arguments_delta(self, data: Body) -> None:
        self._arguments(_number(data), as_text(data.get("delta")))

    def _ended(self, data: Body) -> None:
        response = as_object(data.get("response"))
        if self._head is None:
            self._begin(response)
        self._flush()
        calls = bool(self._calls) and not self._cutter.stopped
        reason = "stop" if self._cutter.stopped else whole.finish_reason(response, calls=calls)
        self._tell({}, finish=reason)
        usage = native_usage(response)
        if usage is not None:
            tier = usage.pop("service_tier", None)
            told = {} if tier is None else {"service_tier": tier}
            self._chunks.append({**self._chunk(), **told, "choices": [], "usage": usage})
        self.complete = True

    def _failed(self, data: Body) -> None:
        self._fail(as_object(data.get("response")).get("error"))

    # -- what is told ------------------------------------------------------------------------------------------

    def _text(self, part: Part, text: str, logprobs: Any) -> None:
        if text and part not in self._texts:
            if self._length and all(part[0] != item for item, _ in self._texts):
                self._say(whole.BREAK, None)
            self._texts[part] = self._length
        self._say(text, logprobs)

    def _say(self, text: str, logprobs: Any) -> None:
        self._length += len(text)
        kept = self._cutter.feed(text)
        if kept:
            told = [each for each in as_list(logprobs) if isinstance(each, dict)]
            self._tell({"content": kept}, logprobs={"content": told, "refusal": None} if told else None)

    def _annotated(self, part: Part, flat: Body) -> None:
        if flat and not self._cutter.stopped:
            self._tell({"annotations": [whole.annotation(flat, self._texts.get(part, self._length))]})

    def _reasoning(self, number: Any, text: str) -> None:
        if not text:
            return
        apart = whole.BREAK if self._reasoned and number not in self._reasoned else ""
        self._reasoned.add(number)
        block = {"type": "thinking", "thinking": text}
        self._tell({"reasoning_content": apart + text, "thinking_blocks": [block]})

    def _reasoning_done(self, number: Any, item: Body) -> None:
        text = whole.reasoning_text(item)
        if text and number not in self._reasoned:
            self._reasoning(number, text)
        if item.get("encrypted_content"):
            for block in whole.thinking_blocks(text, item):
                told = {**block, "thinking": ""} if "thinking" in block else block
                self._tell({"thinking_blocks": [told]})

    def _call(self, number: Any, item: Body) -> None:
        """Begin a tool call, if it has not begun."""
        if number in self._calls:
            return
        self._flush()
        self._calls[number] = len(self._calls)
        call = whole.tool_call(item)
        self._tell_call({**call, "index": self._calls[number], "function": {**call["function"], "arguments": ""}})

    def _arguments(self, number: Any, text: str) -> None:
        if text and number in self._calls:
            self._filled.add(number)
            self._tell_call({"index": self._calls[number], "function": {"arguments": text}})

    def _tell_call(self, call: Body) -> None:
        if not self._cutter.stopped:  # a model that stops calls nothing any more
            self._tell({"tool_calls": [call]})

    def _flush(self) -> None:
        if rest := self._cutter.finish():
            self._tell({"content": rest})

    # -- chunks ------------------------------------------------------------------------------------------------

    def _begin(self, response: Body) -> None:
        self._head = whole.head(response)
        self._tell({"role": "assistant"})

    def _chunk(self) -> Body:
        return {**(self._head or whole.head({})), "object": "chat.completion.chunk"}

    def _tell(self, delta: Body, *, finish: str | None = None, logprobs: Body | None = None) -> None:
        if self._head is None:
            self._begin({})
        choice: Body = {"index": 0, "delta": delta, "finish_reason": finish}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        self._chunks.append({**self._chunk(), "choices": [choice]})

    def _fail(self, error: Any) -> None:
        status, body = whole.failure(error)
        self.error = self._parse_error(status, NO_HEADERS, orjson.dumps(body))


def _number(data: Body) -> Any:
    """Which item of the output an event is about."""
    number = data.get("output_index")
    return number if isinstance(number, int) else as_text(data.get("item_id"))


def _part(data: Body) -> Part:
    index = data.get("content_index")
    return _number(data), index if isinstance(index, int) else 0


_HANDLERS: dict[str, Callable[[ResponsesDecoder, Body], None]] = {
    "response.created": ResponsesDecoder._begun,
    "response.in_progress": ResponsesDecoder._begun,
    "response.queued": ResponsesDecoder._begun,
    "response.output_item.added": ResponsesDecoder._item_added,
    "response.output_item.done": ResponsesDecoder._item_done,
    "response.output_text.delta": ResponsesDecoder._text_delta,
    "response.output_text.annotation.added": ResponsesDecoder._annotation,
    "response.refusal.delta": ResponsesDecoder._refusal,
    "response.reasoning_summary_part.added": ResponsesDecoder._summary_part,
    "response.reasoning_summary_text.delta": ResponsesDecoder._reasoning_delta,
    "response.reasoning_text.delta": ResponsesDecoder._reasoning_delta,
    "response.function_call_arguments.delta": ResponsesDecoder._arguments_delta,
    "response.completed": ResponsesDecoder._ended,
    "response.incomplete": ResponsesDecoder._ended,
    "response.failed": ResponsesDecoder._failed,
}
