"""The parts of a candidate, sorted by what they are: the same for whole answers and for pieces of streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.translate.gemini.names import FunctionNames
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.translate.tool_ids import signed_id

OWN_PARTS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
"""What Google's own tools did. It goes back as it came, for the model to know what it has done."""
AUDIO_PREFIX = "audio/"


@dataclass(slots=True)
class Pieces:
    """What the parts of one candidate hold."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    audio: list[dict[str, Any]] = field(default_factory=list)
    """`inlineData` of sounds."""
    own: list[dict[str, Any]] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """What goes into the message's `provider_specific_fields`."""
        found: dict[str, Any] = {}
        if self.signatures:
            found["thought_signatures"] = self.signatures
        if self.own:
            found["gemini_parts"] = self.own
        return found


class PartsReader:
    """Reads the parts of one candidate, numbering its calls and images. Never raises, whatever the parts hold.

    `seed` makes the ids of calls, for which Google mostly has none: they follow from the answer's own id, so the same
    answer always has the same ones.
    """

    def __init__(self, seed: str = "", names: FunctionNames | None = None) -> None:
        self._seed = seed
        self._names = names or FunctionNames()
        self.calls = 0
        self._images = 0

    def read(self, parts: Any) -> Pieces:
        """What these parts hold."""
        pieces = Pieces()
        for part in objects(parts):
            self._read(part, pieces)
        return pieces

    def _read(self, part: dict[str, Any], pieces: Pieces) -> None:
        signature = as_text(part.get("thoughtSignature"))
        if signature:
            pieces.signatures.append(signature)
        text = as_text(part.get("text"))
        if text:
            (pieces.thoughts if part.get("thought") is True else pieces.texts).append(text)
        if isinstance(part.get("functionCall"), dict):
            pieces.calls.append(self._call(part["functionCall"], signature))
        elif isinstance(part.get("inlineData"), dict):
            self._media(part["inlineData"], part.get("thought") is True, pieces)
        elif any(name in part for name in OWN_PARTS):
            pieces.own.append(part)
            if signature:
                pieces.signatures.pop()  # it travels with the part

    def _call(self, call: dict[str, Any], signature: str) -> dict[str, Any]:
        """A function call as one of OpenAI's tool calls. An empty call has no arguments, which is `{}`."""
        name, arguments = as_text(call.get("name")), orjson.dumps(as_object(call.get("args"))).decode()
        made: dict[str, Any] = {
            "index": self.calls,
            "id": signed_id(as_text(call.get("id")) or self._id(name, arguments), signature),
            "type": "function",
            "function": {"name": self._names.to_caller(name), "arguments": arguments},
        }
        if signature:
            made["provider_specific_fields"] = {"thought_signature": signature}
        self.calls += 1
        return made

    def _id(self, name: str, arguments: str) -> str:
        what = f"{self._seed}\0{self.calls}\0{name}\0{arguments}"
        return f"call_{hashlib.sha256(what.encode('utf-8', 'replace')).hexdigest()[:32]}"

    def _media(self, data: dict[str, Any], thought: bool, pieces: Pieces) -> None:
        content_type, encoded = as_text(data.get("mimeType")), as_text(data.get("data"))
        if not encoded or thought:
            return  # drafts of pictures belong to the thoughts
        if content_type.startswith(AUDIO_PREFIX):
            pieces.audio.append(data)
            return
        url = f"data:{content_type or 'application/octet-stream'};base64,{encoded}"
        pieces.images.append({"type": "image_url", "image_url": {"url": url}, "index": self._images})
        self._images += 1
