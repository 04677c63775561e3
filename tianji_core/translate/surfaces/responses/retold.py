"""The stream of a Response that is whole, told once more: the same events with the same numbers.

What was said is in the Response. Where each text was cut is noted while it is told for the first time (`KeptEvents`);
of one that was never streamed each text is one delta. Annotations come after the text they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_text, objects
from tianji_core.translate.surfaces.responses.items import unpacked
from tianji_core.translate.surfaces.responses.stream import ResponseEvents


class KeptEvents(ResponseEvents):
    """Writes one stream, and notes in `cuts` how long each delta was."""

    def __init__(self, model: str, asked: Body, ident: str | None = None) -> None:
        super().__init__(model, asked, ident)
        self.cuts: list[int] = []

    def _event(self, kind: str, **members: Any) -> bytes:
        if kind.endswith(".delta"):
            self.cuts.append(len(members["delta"]))
        return super()._event(kind, **members)


class RetoldEvents(ResponseEvents):
    """Tells a stream again: `begin`, and once the Response is whole `rest`. Events to number `after` are left out."""

    def __init__(self, response: Body, after: int = -1) -> None:
        super().__init__(as_text(response.get("model")), response, as_text(response.get("id")))
        self._response = response
        self._after = after
        self._suffix = "retold"  # ids are those of the items
        self._created = response.get("created_at") or 0
        self._cuts: Iterator[int] = iter(())
        self._ids: list[str] = []

    def begin(self) -> bytes:
        """The events of a Response that has begun."""
        under_way: Body = {"status": "in_progress", "output": [], "usage": None, "completed_at": None}
        begun = {**self._response, **under_way, "error": None, "incomplete_details": None}
        return self._event("response.created", response=begun) + self._event("response.in_progress", response=begun)

    def rest(self, response: Body, cuts: Sequence[int]) -> bytes:
        """All events after those of `begin`."""
        self._cuts = iter(cuts)
        items = objects(response.get("output"))
        self._ids = [as_text(item.get("id")) for item in items]
        out = b"".join([self._retell(item) for item in items])
        return out + self.last(response)

    def _retell(self, item: Body) -> bytes:
        kind, out = item.get("type"), b""
        if kind == "message":
            for part in objects(item.get("content")):
                said = "refusal" if part.get("type") == "refusal" else "text"
                for text in self._pieces(as_text(part.get("refusal" if said == "refusal" else "text"))):
                    out += self._said(said, text)
                for annotation in objects(part.get("annotations")):
                    out += self._annotation(annotation)
        elif kind == "reasoning":
            for part in objects(item.get("summary")):
                for text in self._pieces(as_text(part.get("text"))):
                    out += self._reasoning(text, [])
            out += self._reasoning("", unpacked(item.get("encrypted_content")))
        elif kind in ("function_call", "custom_tool_call"):
            function = {"name": item.get("name"), "arguments": ""}
            call = {"id": item.get("call_id"), "function": function}
            out += self._call_delta(self._at, call)
            if kind == "function_call":
                for text in self._pieces(as_text(item.get("arguments"))):
                    out += self._call_delta(self._at, {"function": {"arguments": text}})
            else:
                self._text = as_text(item.get("input"))
                next(self._cuts, None)
        else:
            out += self._add("", item)  # an item that runs at a vendor, of which nothing is known but its end
        return out + (self._close() if self._open else self._skip(item))

    def _skip(self, item: Body) -> bytes:
        self._output.append(item)
        return self._event("response.output_item.done", output_index=self._at - 1, item=item)

    def _pieces(self, text: str) -> Iterator[str]:
        """The text as it was cut."""
        start = 0
        while start < len(text):
            size = next(self._cuts, 0) or len(text) - start
            yield text[start : start + size]
            start += size

    def _item_id(self, prefix: str) -> str:
        return self._ids[self._at]

    def _event(self, kind: str, **members: Any) -> bytes:
        written = super()._event(kind, **members)
        number = self.number - 1
        return written if number > self._after else b""
