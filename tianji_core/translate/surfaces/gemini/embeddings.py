"""Google's `embedContent` and `batchEmbedContents` as a client speaks them, to OpenAI's embeddings and back.

Source: "Embeddings" in the Gemini API reference. What its requests have beside texts and dimensions (`taskType`,
`title`, …) is for Google's own models: others get the texts alone.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.members import camel
from tianji_core.translate.shapes import as_count, as_object, objects
from tianji_core.translate.surfaces.gemini.surface import Gemini

_OWN = {"taskType": "task_type", "title": "title", "autoTruncate": "auto_truncate"}
"""Members for Google's models, and what their providers take them by."""


class Embeddings(Gemini):
    """The surface `gemini` where it embeds: one content, or `requests` with one each."""

    operation = "embeddings"

    def __init__(self, *, batch: bool) -> None:
        super().__init__(streams=False)
        self._batch = batch

    def to_chat(self, body: Body) -> Body:
        requests, rest = self._read(body)
        first = requests[0]
        if any(_beside(each) != _beside(first) for each in requests):
            raise BadRequestError("The requests of a batch have to be alike but for their contents.", param="requests")
        asked: Body = {"input": [_text(each) for each in requests]}
        if first.get("outputDimensionality"):
            asked["dimensions"] = first["outputDimensionality"]
        return {**rest, **asked}

    def beside(self, asked: Body) -> Body:
        first = self._read(asked)[0][0]
        return {theirs: first[name] for name, theirs in _OWN.items() if first.get(name) is not None}

    def answer(self, chat: Body, asked: Body) -> Body:
        found = [{"values": _values(each.get("embedding"))} for each in objects(chat.get("data"))]
        told: Body = {"embeddings": found} if self._batch else {"embedding": found[0] if found else {"values": []}}
        tokens = as_count(as_object(chat.get("usage")).get("prompt_tokens"))
        return {**told, "usageMetadata": {"promptTokenCount": tokens}} if tokens else told

    def _read(self, body: Body) -> tuple[list[Body], Body]:
        """The requests, by Google's documented names, and what beside them is the gateway's. Raises BadRequestError."""
        if not self._batch:
            own = {"content", "model", "outputDimensionality", *_OWN}
            named = {camel(name): value for name, value in body.items()}
            rest = {name: value for name, value in body.items() if camel(name) not in own}
            return [{name: value for name, value in named.items() if name in own}], rest
        requests = body.get("requests")
        if not isinstance(requests, list) or not requests or not all(isinstance(each, dict) for each in requests):
            raise BadRequestError("requests must be a list of objects, and not empty.", param="requests")
        rest = {name: value for name, value in body.items() if name != "requests"}
        return [{camel(name): value for name, value in each.items()} for each in requests], rest


def _beside(request: Body) -> Mapping[str, Any]:
    return {name: value for name, value in request.items() if name not in ("content", "model")}


def _text(request: Body) -> str:
    """What is to be embedded: the texts of a content's parts, as one. Raises BadRequestError."""
    content = request.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    texts = [each.get("text") for each in objects([parts] if isinstance(parts, dict) else parts)]
    if not texts or not all(isinstance(each, str) for each in texts):
        raise BadRequestError("content has to have parts, and each of them a text.", param="content")
    return "\n".join(text for text in texts if isinstance(text, str))


def _values(vector: Any) -> Any:
    """The numbers of a vector, be it packed as for `encoding_format: base64`."""
    if not isinstance(vector, str):
        return vector
    packed = base64.b64decode(vector)
    return list(struct.unpack(f"<{len(packed) // 4}f", packed))
