"""Ways to the collector. HTTP goes by the gateway's own sender; gRPC and the console by the official exporters."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from tianji_callback_otel.settings import Chosen
from tianji_core.api.callback import DeliveryError
from tianji_core.telemetry.sender import HttpSender


class Exporter(ABC):
    """Takes spans to where they are kept."""

    @abstractmethod
    async def export(self, spans: Sequence[ReadableSpan]) -> None:
        """Raises DeliveryError."""

    async def aclose(self) -> None:
        """Give back what was opened."""


class HttpExporter(Exporter):
    """OTLP over HTTP, in protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

    def __init__(self, chosen: Chosen, timeout: float) -> None:
        """Raises ValueError for an address or field that cannot be used."""
        fields = {**chosen.headers, "content-type": "application/x-protobuf"}
        self._sender = HttpSender(chosen.traces, fields, timeout=timeout, compress=True)

    async def export(self, spans: Sequence[ReadableSpan]) -> None:
        await self._sender.post(encode_spans(spans).SerializeToString())

    async def aclose(self) -> None:
        await self._sender.aclose()


class GrpcExporter(Exporter):
    """OTLP over gRPC, by the official exporter, in a thread."""

    def __init__(self, chosen: Chosen, timeout: float) -> None:
        """Raises ValueError if the exporter is not installed."""
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError:
            raise ValueError("otlp_grpc needs an extra: pip install 'tianji-callback-otel[grpc]'") from None
        headers = [(name.lower(), value) for name, value in chosen.headers.items()]
        self._exporter: Any = OTLPSpanExporter(
            endpoint=chosen.base, insecure=not chosen.base.startswith("https"), headers=headers, timeout=timeout
        )

    async def export(self, spans: Sequence[ReadableSpan]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        result = await asyncio.to_thread(self._exporter.export, spans)
        if result is not SpanExportResult.SUCCESS:
            raise DeliveryError("the collector took no spans")

    async def aclose(self) -> None:
        await asyncio.to_thread(self._exporter.shutdown)


class ConsoleExporter(Exporter):
    """JSON to standard output, for a look at what is sent."""

    async def export(self, spans: Sequence[ReadableSpan]) -> None:
        for span in spans:
            sys.stdout.write(span.to_json(indent=None) + "\n")
        sys.stdout.flush()


def exporter_for(chosen: Chosen, timeout: float) -> Exporter:
    """The exporter that the settings name. Raises ValueError."""
    if chosen.exporter == "console":
        return ConsoleExporter()
    return GrpcExporter(chosen, timeout) if chosen.exporter == "otlp_grpc" else HttpExporter(chosen, timeout)
