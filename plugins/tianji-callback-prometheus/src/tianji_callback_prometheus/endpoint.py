"""`GET /metrics`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tianji_callback_prometheus.exposition import Exposition
from tianji_core.api.errors import PermissionDeniedError
from tianji_core.server.permissions import Doc, GuardedRoute, Permission, route

READERS = frozenset({"proxy_admin", "proxy_admin_viewer"})
"""Who may read what all callers use and cost."""


def routes() -> list[GuardedRoute]:
    """The route, by the two spellings that scrapers have for it."""
    exposition = Exposition()

    async def metrics(request: Request) -> Response:
        app = request.scope["app"]
        gateway = app.serving.gateway
        await _admit(app, request)
        headers = request.headers
        compress = "gzip" in headers.get("accept-encoding", "")
        body, media = await exposition.render(
            gateway, headers.get("accept", ""), request.query_params.getlist("name[]"), compress=compress
        )
        fields = {"content-type": media, "vary": "accept, accept-encoding", "cache-control": "no-store"}
        return Response(body, headers={**fields, "content-encoding": "gzip"} if compress else fields)

    metrics.guards_itself = True  # type: ignore[attr-defined]  # whether it wants a key may change with a reload
    doc = Doc("Metrics for Prometheus", media=("text/plain", "application/openmetrics-text"))
    return [route(path, metrics, Permission.ADMIN, doc=doc) for path in ("/metrics", "/metrics/")]


async def _admit(app: Any, request: Request) -> None:
    """Raises AuthenticationError, PermissionDeniedError."""
    if not app.serving.gateway.config.litellm_settings.require_auth_for_metrics_endpoint:
        return
    principal = await app.serving.authenticator.require(
        Permission.CALL_MODELS, request.scope, dict(request.scope["headers"])
    )
    if app.serving.gateway.auth_backends and not principal.roles & READERS:
        raise PermissionDeniedError("Only proxy admins may read the metrics.", type="auth_error")
