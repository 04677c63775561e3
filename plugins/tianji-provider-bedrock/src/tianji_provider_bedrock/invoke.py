"""Claude by `InvokeModel`: Anthropic's own messages with the model in the path, translated from chats or as they came.

Sources: Bedrock User Guide, "Anthropic Claude Messages API"; Bedrock API reference, `InvokeModel` (header fields) and
`InvokeModelWithResponseStream` (an event `chunk` holds one event of the model's own stream, in base64).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.provider import Body, Unwrapper
from tianji_core.translate.anthropic.hosts import BEDROCK
from tianji_core.translate.anthropic.models import Traits as ClaudeTraits
from tianji_core.translate.anthropic.native import native_body
from tianji_core.translate.anthropic.request import chat_to_anthropic
from tianji_core.translate.anthropic.response import ReplyContext
from tianji_core.translate.anthropic.stream import MessageStream
from tianji_core.translate.shapes import as_object, as_text
from tianji_core.wire.sse import encode_event
from tianji_provider_bedrock.eventstream import FrameDecoder
from tianji_provider_bedrock.stream import FramedDecoder, broken, event_of

_GUARDRAIL = (
    ("guardrailIdentifier", "x-amzn-bedrock-guardrailidentifier"),
    ("guardrailVersion", "x-amzn-bedrock-guardrailversion"),
    ("trace", "x-amzn-bedrock-trace"),
)
_IN_HEAD = frozenset({"guardrailConfig", "performanceConfig", "requestMetadata", "serviceTier", "service_tier"})
"""Members of a chat body that header fields stand for here, since the body is the model's."""
_TIERS = {"standard_only": "default"}
"""Anthropic's service tiers that go by another name here."""


def chat_to_invoke(
    body: Body, traits: ClaudeTraits, *, modify: bool, drop: bool, betas: str | None
) -> tuple[Body, list[tuple[str, str]]]:
    """The body for Claude, and the header fields for what Converse has members for. The chat body stays as it is.

    Raises BadRequestError for a value that no header field may have, and what `chat_to_anthropic` raises.
    """
    chat = {name: value for name, value in body.items() if name not in _IN_HEAD}
    request = chat_to_anthropic(chat, traits, modify=modify, drop=drop)
    return BEDROCK.body(request, "", stream=False, betas=betas), _fields(body)


def native_to_invoke(body: Body, betas: str | None) -> tuple[Body, list[tuple[str, str]]]:
    """The same for a body in Anthropic's form, which stays as it is."""
    found = native_body({name: value for name, value in body.items() if name not in _IN_HEAD}, BEDROCK, betas)
    tier = _TIERS.get(str(body.get("service_tier")), body.get("service_tier"))
    return found, _fields({**body, "service_tier": tier})


def to_count(body: Body) -> Body:
    """The body that has a prompt counted, for one that would have it answered (`CountTokens`)."""
    sent = orjson.dumps({"max_tokens": 1, **body})
    return {"input": {"invokeModel": {"body": base64.b64encode(sent).decode()}}}


def _fields(body: Body) -> list[tuple[str, str]]:
    guardrail = dict(as_object(body.get("guardrailConfig")))
    guardrail["trace"] = str(guardrail.get("trace") or "").upper()
    found = [(field, guardrail.get(name)) for name, field in _GUARDRAIL]
    latency = as_object(body.get("performanceConfig")).get("latency")
    found.append(("x-amzn-bedrock-performanceconfig-latency", latency))
    tier = as_object(body.get("serviceTier")).get("type") or body.get("service_tier")
    found.append(("x-amzn-bedrock-service-tier", "default" if tier == "auto" else tier))
    if metadata := as_object(body.get("requestMetadata")):
        found.append(("x-amzn-bedrock-request-metadata", json.dumps(metadata)))  # ASCII, whatever it holds
    fields = [(name, str(value)) for name, value in found if value]
    for name, value in fields:
        if not value.isascii() or not value.isprintable():
            raise BadRequestError(f"The value for {name} cannot be sent.")
    return fields


class InvokeUnwrapper(Unwrapper):
    """Anthropic's events out of their frames, as the server-sent events that Anthropic makes of them."""

    def __init__(self, provider: str) -> None:
        self._frames = FrameDecoder()
        self._provider = provider

    def feed(self, data: bytes) -> bytes:
        out = []
        for frame in self._frames.feed(data):
            event = event_of(frame, self._provider)
            if isinstance(event, GatewayError):
                self.error = event
                break
            if frame.headers.get(":event-type") != "chunk":
                continue
            inner = _inner(event)
            if inner is None:
                self.error = broken("a chunk is not a JSON object", self._provider)
                break
            out.append(_server_sent(inner))
        if self._frames.broken and self.error is None:
            self.error = broken(self._frames.broken, self._provider)
        return b"".join(out)


def _inner(event: Body) -> bytes | None:
    """The model's own event in a chunk."""
    if "bytes" not in event and "type" in event:
        return orjson.dumps(event)  # servers that stand in for Bedrock leave the wrapping out
    try:
        return base64.b64decode(as_text(event.get("bytes")), validate=True)
    except (binascii.Error, ValueError):
        return None


def _server_sent(data: bytes) -> bytes:
    """The event with its name outside too, and without Bedrock's own count at its end."""
    try:
        event = as_object(orjson.loads(data))
    except ValueError:
        event = {}
    if event.pop("amazon-bedrock-invocationMetrics", None) is not None or b"\n" in data:
        data = orjson.dumps(event)
    return encode_event(data, as_text(event.get("type")) or "message")


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
        inner: Any = event  # servers that stand in for Bedrock leave the wrapping out
        if "bytes" in event or "type" not in event:
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
