"""Claude by `InvokeModel`: Anthropic's own messages, with the model in the path.

Source: Bedrock User Guide, "Anthropic Claude Messages API"; `InvokeModelWithResponseStream` (an event `chunk` holds
one event of the model's own stream, in base64).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.hosts import BEDROCK
from tianji_core.translate.anthropic.models import Traits as ClaudeTraits
from tianji_core.translate.anthropic.request import chat_to_anthropic
from tianji_core.translate.anthropic.response import ReplyContext
from tianji_core.translate.anthropic.stream import MessageStream
from tianji_core.translate.shapes import as_object, as_text
from tianji_provider_bedrock.stream import FramedDecoder

_GUARDRAIL = (
    ("guardrailIdentifier", "x-amzn-bedrock-guardrailidentifier"),
    ("guardrailVersion", "x-amzn-bedrock-guardrailversion"),
    ("trace", "x-amzn-bedrock-trace"),
)


def chat_to_invoke(
    body: Body, traits: ClaudeTraits, *, modify: bool, drop: bool, betas: str | None
) -> tuple[Body, list[tuple[str, str]]]:
    """The body for Claude, and the header fields that stand for a guardrail there. The chat body stays as it is."""
    chat = {name: value for name, value in body.items() if name != "guardrailConfig"}
    guardrail = as_object(body.get("guardrailConfig"))
    headers = [
        (field, str(guardrail[name]).upper() if name == "trace" else str(guardrail[name]))
        for name, field in _GUARDRAIL
        if guardrail.get(name)
    ]
    return BEDROCK.body(
        chat_to_anthropic(chat, traits, modify=modify, drop=drop), "", stream=False, betas=betas
    ), headers


class InvokeDecoder(FramedDecoder):
    """Anthropic's events, each in a frame of its own. Never raises, whatever they hold."""

    def __init__(self, context: ReplyContext, provider: str) -> None:
        super().__init__(provider)
        self._stream = MessageStream(context)

    def finish(self) -> list[Body]:
        return [] if self.error is not None else self._stream.end()

    def on_event(self, kind: str, event: dict[str, Any]) -> list[Body]:
        if kind != "chunk" or self.complete:
            return []
        try:
            inner = orjson.loads(base64.b64decode(as_text(event.get("bytes"))))
        except (binascii.Error, ValueError):
            inner = None
        if not isinstance(inner, dict):
            self.error = self.broken("a chunk is not a JSON object")
            return []
        chunks = self._stream.on_event(as_text(inner.get("type")), inner)
        self.error, self.complete = self._stream.error, self._stream.complete
        return chunks
