"""Usage in answers that are passed through.

Sources: Amazon Bedrock API Reference: Converse (`usage`), ConverseStream (`metadata`), InvokeModel (the header fields
`X-Amzn-Bedrock-Input-Token-Count` and `-Output-Token-Count`), InvokeModelWithResponseStream (`bytes`, and in the last
of them `amazon-bedrock-invocationMetrics`).
"""

from __future__ import annotations

import binascii

import orjson

from tianji_core.api.http import Headers
from tianji_core.api.pass_through import Meter
from tianji_core.api.provider import Body
from tianji_core.translate.meters import NativeCounts, meter_for
from tianji_core.translate.shapes import as_count, as_object, as_text
from tianji_provider_bedrock.eventstream import FrameDecoder
from tianji_provider_bedrock.response import converse_usage

METRICS = "amazon-bedrock-invocationMetrics"


def meter_of(headers: Headers) -> Meter | None:
    """What reads an answer with these header fields."""
    counts = BedrockCounts(
        _told(headers.get("x-amzn-bedrock-input-token-count")), _told(headers.get("x-amzn-bedrock-output-token-count"))
    )
    if (headers.get("content-type") or "").startswith("application/vnd.amazon.eventstream"):
        return FrameMeter(counts)
    return meter_for(headers.get("content-type"), counts)


class BedrockCounts(NativeCounts):
    """Converse's counts, those of the models behind invoke, and those that header fields tell of these."""

    markers = (*NativeCounts.markers, METRICS.encode())

    def __init__(self, read: int | None, written: int | None) -> None:
        super().__init__()
        self._header = None if read is None else _usage(read, written or 0)

    def take(self, value: Body) -> None:
        usage = value.get("usage")
        if isinstance(usage, dict) and "inputTokens" in usage:
            self.usage = converse_usage(usage, {}, None)
            return
        super().take(value)
        if METRICS in value:
            metrics = as_object(value[METRICS])
            self._header = _usage(as_count(metrics.get("inputTokenCount")), as_count(metrics.get("outputTokenCount")))

    def settle(self) -> None:
        super().settle()
        if self.usage is None or self.usage.get("estimated"):
            self.usage = self._header or self.usage


class FrameMeter(Meter):
    """Amazon's event streams."""

    def __init__(self, counts: BedrockCounts) -> None:
        self._counts = counts
        self._frames = FrameDecoder()

    def feed(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if frame.headers.get(":message-type") == "exception":
                self.error = frame.headers.get(":exception-type") or "The provider's stream reported an error."
            self._read(frame.payload)

    def finish(self) -> None:
        self._counts.settle()
        self.usage, self.model = self._counts.usage, self._counts.model

    def _read(self, payload: bytes) -> None:
        try:
            value = orjson.loads(payload)
            if isinstance(value, dict) and isinstance(value.get("bytes"), str):
                value = orjson.loads(binascii.a2b_base64(as_text(value["bytes"])))
        except ValueError:
            return
        if isinstance(value, dict):
            self._counts.take(value)


def _usage(read: int, written: int) -> Body:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _told(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() and len(value) < 16 else None
