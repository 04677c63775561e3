"""Chat chunks as the events of a streamed Response.

The order is OpenAI's (API reference, "Streaming events"): created, in progress; each output item is added, filled and
done before the next; then completed or incomplete. Every event has its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.calls import CallQueue
from tianji_core.translate.surfaces.responses import response as shapes
from tianji_core.wire.sse import encode_event


class ResponseEvents:
    """Writes one stream. `ident` is the id of the Response, where that is not made of the vendor's."""

    def __init__(self, model: str, asked: Body, ident: str | None = None) -> None:
        self._model = model
        self._asked = asked
        self._ident = ident
        self._custom = shapes.custom_tools(asked)
        self.number = 0
        self._suffix = ""
        self._created = 0
        self._output: list[Body] = []
        self._open = ""  # reasoning, text, refusal or call: what is being filled
        self._item: Body = {}
        self._text = ""
        self._annotations: list[Body] = []
        self._blocks: list[Body] = []
        self._call: int | None = None
        self._calls = CallQueue()
        self._finish: Any = None

    def write(self, chunk: Body) -> bytes:
        out = self._begin(chunk) if not self._suffix else b""
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                out += self._delta(choice.get("delta") or {})
                self._finish = choice.get("finish_reason") or self._finish
        return out

    def end(self, usage: Mapping[str, Any] | None) -> bytes:
        return self.close() + self.last(self.response(usage))

    def close(self) -> bytes:
        """The events that finish what is open: all but the last of the stream."""
        out = self._begin({}) if not self._suffix else b""
        return out + self._flush() + self._close()

    def response(self, usage: Mapping[str, Any] | None) -> Body:
        """The Response that the stream told; asked for after `close`."""
        response = self._envelope("completed", self._output)
        response["completed_at"] = self._created
        response["usage"] = shapes.response_usage(usage)
        shapes.finish(response, self._finish)
        return response

    def last(self, response: Body) -> bytes:
        """The event that ends the stream."""
        return self._event(f"response.{response['status']}", response=response)

    # -- the parts of it -----------------------------------------------------------------------------------------

    def _begin(self, chunk: Body) -> bytes:
        self._suffix = shapes.suffix_of(chunk.get("id"))
        self._created = chunk.get("created") or 0
        first = self._event("response.created", response=self._envelope("in_progress", []))
        return first + self._event("response.in_progress", response=self._envelope("in_progress", []))

    def _delta(self, delta: Body) -> bytes:
        out = b""
        blocks = [b for b in delta.get("thinking_blocks") or () if isinstance(b, dict)]
        reasoning = delta.get("reasoning_content") or "".join(b.get("thinking") or "" for b in blocks)
        if reasoning or blocks:
            out += self._reasoning(reasoning, blocks)
        if delta.get("content"):
            out += self._said("text", delta["content"])
        for annotation in delta.get("annotations") or ():
            out += self._annotation(annotation)
        if delta.get("refusal"):
            out += self._said("refusal", delta["refusal"])
        for call in delta.get("tool_calls") or ():
            for index, told in self._calls.take(call):
                out += self._call_delta(index, told)
        return out

    def _flush(self) -> bytes:
        """Tell what was held back of further calls."""
        out = b""
        for index, call in self._calls.rest():
            out += self._call_delta(index, call)
        return out

    def _reasoning(self, text: str, blocks: list[Body]) -> bytes:
        out = b""
        if self._open != "reasoning":
            out += self._flush() + self._close()
            self._blocks = []
            out += self._add("reasoning", {"id": self._item_id("rs"), "type": "reasoning", "summary": []})
            part = {"type": "summary_text", "text": ""}
            out += self._event("response.reasoning_summary_part.added", **self._place, summary_index=0, part=part)
        for block in blocks:
            _merge_block(self._blocks, block)
        if text:
            self._text += text
            out += self._event("response.reasoning_summary_text.delta", **self._place, summary_index=0, delta=text)
        return out

    def _said(self, kind: str, text: str) -> bytes:
        out = b""
        if self._open != kind:
            out += self._flush() + self._close()
            item = shapes.message_item(self._item_id("msg"), [], "in_progress")
            out += self._add(kind, item)
            out += self._event("response.content_part.added", **self._place, content_index=0, part=self._part(""))
        self._text += text
        if kind == "refusal":
            return out + self._event("response.refusal.delta", **self._place, content_index=0, delta=text)
        more = {"content_index": 0, "delta": text, "logprobs": []}
        return out + self._event("response.output_text.delta", **self._place, **more)

    def _annotation(self, annotation: Body) -> bytes:
        if self._open != "text":
            return b""
        flat = shapes.flat_annotation(annotation)
        self._annotations.append(flat)
        more = {"content_index": 0, "annotation_index": len(self._annotations) - 1, "annotation": flat}
        return self._event("response.output_text.annotation.added", **self._place, **more)

    def _call_delta(self, index: int, call: Body) -> bytes:
        function, out = call.get("function") or {}, b""
        if self._open != "call" or self._call != index:
            out += self._close()
            self._call = index
            empty = {"name": function.get("name"), "arguments": ""}
            out += self._add("call", shapes.call_item(call.get("id"), empty, self._custom, "in_progress"))
        arguments = function.get("arguments")
        if arguments:
            self._text += arguments
            if self._item["type"] == "function_call":
                out += self._event("response.function_call_arguments.delta", **self._place, delta=arguments)
        return out

    def _close(self) -> bytes:
        """Finish the item that is being filled."""
        kind, self._open = self._open, ""
        if not kind:
            return b""
        item, text, out = self._item, self._text, b""
        if kind == "reasoning":
            part = {"type": "summary_text", "text": text}
            out += self._event("response.reasoning_summary_text.done", **self._place, summary_index=0, text=text)
            out += self._event("response.reasoning_summary_part.done", **self._place, summary_index=0, part=part)
            done = shapes.reasoning_item(item["id"], text, self._blocks)
        elif kind == "call":
            name = item["name"]
            done = shapes.call_item(item["call_id"], {"name": name, "arguments": text or "{}"}, self._custom)
            if done["type"] == "custom_tool_call":
                given = done["input"]
                out += self._event("response.custom_tool_call_input.delta", **self._place, delta=given)
                out += self._event("response.custom_tool_call_input.done", **self._place, input=given)
            else:
                if not text:
                    out += self._event("response.function_call_arguments.delta", **self._place, delta="{}")
                more = {"name": name, "arguments": done["arguments"]}
                out += self._event("response.function_call_arguments.done", **self._place, **more)
        else:
            part = self._part(text, kind)
            more = {"refusal": text} if kind == "refusal" else {"text": text, "logprobs": []}
            word = "refusal" if kind == "refusal" else "output_text"
            out += self._event(f"response.{word}.done", **self._place, content_index=0, **more)
            out += self._event("response.content_part.done", **self._place, content_index=0, part=part)
            done = shapes.message_item(item["id"], [part])
        out += self._event("response.output_item.done", output_index=self._at, item=done)
        self._output.append(done)
        self._text, self._annotations = "", []
        return out

    def _add(self, kind: str, item: Body) -> bytes:
        self._open, self._item = kind, item
        return self._event("response.output_item.added", output_index=self._at, item=item)

    def _part(self, text: str, kind: str = "") -> Body:
        if (kind or self._open) == "refusal":
            return {"type": "refusal", "refusal": text}
        return {**shapes.text_part(text), "annotations": list(self._annotations)}

    @property
    def _at(self) -> int:
        return len(self._output)

    @property
    def _place(self) -> Body:
        return {"item_id": self._item["id"], "output_index": self._at}

    def _item_id(self, prefix: str) -> str:
        return f"{prefix}_{self._suffix}_{self._at}"

    def _envelope(self, status: str, output: list[Body]) -> Body:
        ident = self._ident or f"resp_{self._suffix}"
        return shapes.envelope(ident, self._created, self._model, self._asked, status, output)

    def _event(self, kind: str, **members: Any) -> bytes:
        event = {"type": kind, "sequence_number": self.number, **members}
        self.number += 1
        return encode_event(orjson.dumps(event), kind)


def _merge_block(blocks: list[Body], delta: Body) -> None:
    last = blocks[-1] if blocks else None
    if last is None or last.get("type") != delta.get("type") or last.get("signature") or "data" in delta:
        blocks.append(dict(delta))
        return
    for key, value in delta.items():
        if key != "type" and isinstance(value, str):
            last[key] = last.get(key, "") + value
