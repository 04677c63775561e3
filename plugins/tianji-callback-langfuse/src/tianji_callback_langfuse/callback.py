"""The sink: finished calls as spans to Langfuse's OTLP endpoint, in batches."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b

from tianji_callback_langfuse.generation import GenerationWriter
from tianji_callback_langfuse.settings import LangfuseSettings
from tianji_callback_langfuse.wishes import PREFIX
from tianji_core.api.callback import Callback, CallRecord, DeliveryError
from tianji_core.api.standard_json import any_json
from tianji_core.telemetry.sender import HttpSender

PATH = "/api/public/otel/v1/traces"
_REQUEST_BYTES = 3 << 20
"""Langfuse takes 5 MB."""
_FLOAT = float(1 << 64)


class Langfuse(Callback):
    """One project of Langfuse."""

    wants_content = True
    header_prefixes = (PREFIX,)

    def __init__(self, settings: LangfuseSettings) -> None:
        """Raises ValueError for keys that are missing, and what else cannot be used."""
        self.batch_size = int(settings.number(settings.batch_size, "LANGFUSE_FLUSH_AT", 200))
        self.flush_interval = settings.number(settings.flush_interval, "LANGFUSE_FLUSH_INTERVAL", 1.0)
        timeout = settings.number(settings.timeout, "LANGFUSE_TIMEOUT", 10.0)
        self.deadline = 2 * timeout + 1
        self._rate = settings.number(settings.sample_rate, "LANGFUSE_SAMPLE_RATE", 1.0)
        key = b64encode(f"{settings.public_key}:{settings.secret_key}".encode()).decode()
        fields = {
            "authorization": f"Basic {key}",
            "content-type": "application/json",
            "x-langfuse-ingestion-version": "4",  # shown at once where the server can
        }
        self._sender = HttpSender(settings.host + PATH, fields, timeout=timeout, compress=True)
        self._writer = GenerationWriter(
            tags=settings.langfuse_default_tags,
            environment=settings.environment or settings.env("LANGFUSE_TRACING_ENVIRONMENT"),
            release=settings.release or settings.env("LANGFUSE_RELEASE"),
        )

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        waiting: list[bytes] = []
        size = sent = 0
        for number, record in enumerate(records):
            span = self._span(record)
            if waiting and size + len(span) > _REQUEST_BYTES:
                await self._send(waiting, sent)
                waiting, size, sent = [], 0, number
            if span:
                waiting.append(span)
                size += len(span)
        if waiting:
            await self._send(waiting, sent)

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _span(self, record: CallRecord) -> bytes:
        """The span's JSON; nothing for a call that the sample leaves out, or that cannot be written."""
        if self._rate < 1.0:
            digest = blake2b(record.id.encode("utf-8", "replace"), digest_size=8).digest()
            if int.from_bytes(digest, "big") / _FLOAT >= self._rate:
                return b""
        return any_json(self._writer.span(record))

    async def _send(self, spans: Sequence[bytes], taken: int) -> None:
        body = b",".join(spans)
        head = (
            b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tianji"}}]},'
        )
        try:
            await self._sender.post(head + b'"scopeSpans":[{"scope":{"name":"tianji"},"spans":[' + body + b"]}]}]}")
        except DeliveryError as error:
            error.taken = taken
            raise
