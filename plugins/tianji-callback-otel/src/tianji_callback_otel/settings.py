"""What the config and the environment say about the collector.

The variables are OpenTelemetry's own (https://opentelemetry.io/docs/specs/otel/protocol/exporter/) and the shorter ones
that LiteLLM has beside them; the config wins, then LiteLLM's, then OpenTelemetry's.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import unquote

from pydantic import Field, field_validator

from tianji_core.api.callback import CallbackSettings

Exporter = Literal["otlp_http", "otlp_grpc", "console"]
EXPORTERS: dict[str, Exporter] = {
    "otlp_http": "otlp_http",
    "http/protobuf": "otlp_http",
    "http": "otlp_http",
    "otlp_grpc": "otlp_grpc",
    "grpc": "otlp_grpc",
    "console": "console",
}
TRUE = frozenset({"1", "true", "yes", "on"})


class OtelSettings(CallbackSettings):
    """The keys of `callback_settings.otel`. Durations are seconds."""

    exporter: Exporter | None = Field(
        None, description="otlp_http, otlp_grpc or console; else OTEL_EXPORTER, OTEL_EXPORTER_OTLP_PROTOCOL [otlp_http]"
    )
    endpoint: str | None = Field(
        None, repr=False, description="The collector's base URL; else OTEL_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    headers: dict[str, str] | None = Field(
        None, repr=False, description='Header fields, a map or "k=v,k=v"; else OTEL_HEADERS, OTEL_EXPORTER_OTLP_HEADERS'
    )
    service_name: str | None = Field(None, description="Else OTEL_SERVICE_NAME [tianji]")
    environment: str | None = Field(None, description="deployment.environment.name; else OTEL_ENVIRONMENT_NAME")
    message_logging: bool | None = Field(
        None,
        description="Whether content goes out; else OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT [false]",
    )
    enable_metrics: bool | None = Field(
        None, description="Whether there are metrics too [LITELLM_OTEL_INTEGRATION_ENABLE_METRICS, false]"
    )
    metric_export_interval: float = Field(60.0, gt=0, description="Seconds between two exports of metrics")
    batch_size: int = Field(512, ge=1, le=100_000, description="Calls in one request at most")
    flush_interval: float = Field(1.0, gt=0, description="Seconds that a call waits for company")
    timeout: float = Field(10.0, gt=0, description="Seconds that one request may take")

    @field_validator("exporter", mode="before")
    @classmethod
    def _known_by_any_name(cls, value: Any) -> Any:
        return EXPORTERS.get(value, value) if isinstance(value, str) else value

    @field_validator("headers", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return parse_headers(value) if isinstance(value, str) else value


class Chosen:
    """What comes of the settings and the environment. Raises ValueError for what cannot be used."""

    def __init__(self, settings: OtelSettings) -> None:
        env = settings.env
        named = env("OTEL_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL") or "otlp_http"
        exporter = settings.exporter or EXPORTERS.get(named)
        if exporter is None:
            raise ValueError(f"otel has no exporter {named!r}; there are: {', '.join(EXPORTERS)}")
        self.exporter: Exporter = exporter
        base = settings.endpoint or env("OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        if base is None:
            base = "http://localhost:4317" if exporter == "otlp_grpc" else "http://localhost:4318"
        self.base = base.rstrip("/")
        self.traces = env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or _below(self.base, "traces")
        self.metrics = env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or _below(self.base, "metrics")
        fields = settings.headers
        self.headers = (
            fields if fields is not None else parse_headers(env("OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"))
        )
        capture = settings.message_logging
        self.content = (
            capture if capture is not None else _flag(env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"))
        )
        wanted = settings.enable_metrics
        self.wants_metrics = wanted if wanted is not None else _flag(env("LITELLM_OTEL_INTEGRATION_ENABLE_METRICS"))
        self.resource = {"service.name": settings.service_name or env("OTEL_SERVICE_NAME") or "tianji"}
        environment = settings.environment or env("OTEL_ENVIRONMENT_NAME")
        if environment:
            self.resource["deployment.environment.name"] = environment
        for item in (env("OTEL_RESOURCE_ATTRIBUTES") or "").split(","):
            name, equals, value = item.partition("=")
            if equals and name.strip():
                self.resource.setdefault(name.strip(), unquote(value.strip()))


def parse_headers(text: str | None) -> dict[str, str]:
    """Header fields of "k=v,k=v", values percent-decoded. Raises ValueError; the message holds no value."""
    fields = {}
    for number, item in enumerate(filter(None, map(str.strip, (text or "").split(","))), start=1):
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise ValueError(f'item {number} of the header fields of otel is not of the form "name=value"')
        fields[name.strip()] = unquote(value.strip())
    return fields


def _below(base: str, signal: str) -> str:
    """Where one signal goes at a base URL, which may name it, or the other signal, already."""
    for other in ("traces", "metrics"):
        base = base.removesuffix(f"/v1/{other}")
    return f"{base}/v1/{signal}"


def _flag(text: str | None) -> bool:
    return (text or "").strip().lower() in TRUE
