"""The sink: an envelope for each failure (https://develop.sentry.dev/sdk/foundations/transport/envelopes/)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

from tianji_callback_sentry.settings import SentrySettings
from tianji_core.api.callback import Callback, CallRecord, GatewayEvent
from tianji_core.api.standard_json import any_json
from tianji_core.api.trace import span_of, trace_of
from tianji_core.telemetry.sender import HttpSender

_CLIENT = "tianji"


class Sentry(Callback):
    """Sends failed calls. Prompts and answers stay here."""

    outcomes = frozenset({"failure"})
    event_kinds = frozenset({"*"})

    def __init__(self, settings: SentrySettings) -> None:
        """Raises ValueError for settings that cannot be used."""
        dsn = settings.parsed()
        number = version("tianji-core")
        auth = f"Sentry sentry_version=7, sentry_client={_CLIENT}/{number}, sentry_key={dsn.key}"
        fields = {"content-type": "application/x-sentry-envelope", "x-sentry-auth": auth}
        self._sender = HttpSender(dsn.url, fields, timeout=settings.timeout, compress=True)
        self._rate = settings.rate()
        self.deadline = settings.timeout + 1
        self._common = {
            "platform": "other",
            "logger": _CLIENT,
            "server_name": socket.gethostname(),
            "release": settings.release or settings.env("SENTRY_RELEASE") or f"tianji@{number}",
            "environment": settings.environment or settings.env("SENTRY_ENVIRONMENT") or "production",
        }

    async def on_call(self, record: CallRecord) -> None:
        error = record.error
        if error is None or not self._is_in_sample(record.id):
            return
        trace = trace_of(record.id, record.traceparent)
        who = record.principal
        await self._send(
            record.id,
            record.ended_at,
            {
                "level": "error" if error.status >= 500 else "warning",
                "transaction": record.route,
                "exception": {"values": [{"type": error.kind, "value": error.message}]},
                "fingerprint": [error.kind, str(error.status), str(record.provider), str(record.model_group)],
                "tags": _texts(
                    {
                        "call_id": record.id,
                        "model_group": record.model_group,
                        "model": record.upstream_model,
                        "provider": record.provider,
                        "deployment_id": record.deployment_id,
                        "status": error.status,
                        "operation": record.operation,
                        "stream": record.stream,
                        "team": who.team_id,
                    }
                ),
                "user": _texts({"id": who.user_id or record.end_user or who.key_hash}),
                "contexts": {
                    "trace": {"trace_id": f"{trace.trace_id:032x}", "span_id": f"{span_of(record.id):016x}"},
                    "attempts": {
                        str(n): f"{a.deployment_id} {a.status} {a.error}" for n, a in enumerate(record.attempts)
                    },
                },
            },
        )

    async def on_event(self, event: GatewayEvent) -> None:
        if event.level != "critical":
            return
        about = f"{event.kind} {event.at}"
        fields = {"level": "fatal", "message": {"formatted": event.message}, "fingerprint": [event.kind]}
        await self._send(about, event.at, {**fields, "tags": _texts({"kind": event.kind, **event.fields})})

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _is_in_sample(self, call_id: str) -> bool:
        digest = blake2b(call_id.encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self._rate * 2**64

    async def _send(self, about: str, at: float, event: Mapping[str, Any]) -> None:
        """Send an event; the same once more has the same id, by which Sentry knows it. Raises DeliveryError."""
        ident = blake2b(about.encode("utf-8", "replace"), digest_size=16).hexdigest()
        payload = any_json({"event_id": ident, "timestamp": at, **self._common, **event})
        head = any_json({"event_id": ident, "sent_at": datetime.now(UTC).isoformat()})
        item = any_json({"type": "event", "content_type": "application/json", "length": len(payload)})
        await self._sender.post(b"\n".join((head, item, payload, b"")))


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Tags, which are short texts without line ends."""
    return {name: " ".join(str(value).split())[:200] for name, value in values.items() if value is not None}
