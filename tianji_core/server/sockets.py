"""WebSockets of clients: who may open one, how one is refused, and messages over ASGI.

Nothing here is loaded before the first one is asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from starlette.types import Receive, Scope, Send

from tianji_core.api.call import Principal
from tianji_core.api.errors import GatewayError, PermissionDeniedError
from tianji_core.gateway.realtime import ABNORMAL, ClientGone, Message
from tianji_core.server.asgi import JSON
from tianji_core.server.client_secrets import find
from tianji_core.server.errors import error_body
from tianji_core.server.fields import RawHeader
from tianji_core.server.permissions import Permission

if TYPE_CHECKING:
    from tianji_core.server.app import Serving

KEY_PROTOCOL = "openai-insecure-api-key."
"""Browsers cannot set header fields of a WebSocket; OpenAI's clients put the key into a subprotocol there."""
BETA_PROTOCOL = "openai-beta."
_REFUSAL = "websocket.http.response"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def client_headers(scope: Scope) -> dict[bytes, bytes]:
    """The header fields of a WebSocket's request, with what browsers say by subprotocols put in where it belongs.

    A key in the query counts for nothing: addresses are written into logs.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    headers.pop(b"sec-websocket-protocol", None)
    for protocol in scope.get("subprotocols") or ():
        if protocol.startswith(KEY_PROTOCOL) and b"authorization" not in headers:
            headers[b"authorization"] = b"Bearer " + protocol.removeprefix(KEY_PROTOCOL).encode("latin-1", "replace")
        elif protocol.startswith(BETA_PROTOCOL) and b"openai-beta" not in headers:
            beta, _, version = protocol.removeprefix(BETA_PROTOCOL).rpartition("-")
            headers[b"openai-beta"] = f"{beta}={version}".encode("latin-1", "replace")
    return headers


async def admit(serving: Serving, permission: Permission, scope: Scope) -> Principal:
    """Who asks for a WebSocket. Raises AuthenticationError, PermissionDeniedError."""
    headers = client_headers(scope)
    check_origin(headers, serving.gateway.config.general_settings.realtime_allowed_origins)
    # Whoever says who calls is shown the GET that it is.
    request = {**scope, "method": "GET", "headers": list(headers.items())}
    if permission is Permission.CALL_MODELS:
        secret = await find(serving.gateway.store, serving.authenticator.find_key(headers))
        if secret is not None:
            scope["client_secret"] = secret
            return secret.principal
    return await serving.authenticator.require(permission, request, headers)


def chosen_protocol(scope: Scope) -> str | None:
    """The subprotocol to agree on: the first that is offered and is no key in disguise."""
    return next((p for p in scope.get("subprotocols") or () if not p.startswith((KEY_PROTOCOL, BETA_PROTOCOL))), None)


def check_origin(headers: dict[bytes, bytes], allowed: Collection[str]) -> None:
    """Raises PermissionDeniedError for a page of another origin than the gateway's that the config does not allow.

    Browsers let any page open a WebSocket to any host, and say where the page is from. Other clients say nothing.
    """
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or "*" in allowed or origin in allowed:
        return
    host = headers.get(b"host", b"").decode("latin-1")
    if (wanted := _authority(origin)) is None or wanted != _authority(f"{urlsplit(origin).scheme}://{host}"):
        raise PermissionDeniedError("Pages of this origin may not open a session here.", param="origin")


def _authority(url: str) -> tuple[str, int | None] | None:
    """Host and port. Not the scheme: a proxy in front of us may have ended TLS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port or _DEFAULT_PORTS.get(parts.scheme)) if host else None


async def refuse(scope: Scope, send: Send, error: GatewayError, fields: list[RawHeader]) -> None:
    """Answer the request for a WebSocket with an error, in HTTP."""
    if _REFUSAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})  # servers make a 403 of it
        return
    body = orjson.dumps(error_body(error))
    head = [*fields, JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": f"{_REFUSAL}.start", "status": error.http_status, "headers": head})
    await send({"type": f"{_REFUSAL}.body", "body": body})


class AsgiSocket:
    """A client's WebSocket that has been accepted. What the server says in odd ways is told in one."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """The next message. Raises ClientGone."""
        event = await self._receive()
        if event["type"] != "websocket.receive":
            if "reason" not in event:  # uvicorn's way to say that the connection was lost
                raise ClientGone
            raise ClientGone(event.get("code") or ABNORMAL, event["reason"] or "")
        text: str | None = event.get("text")
        if text is not None:
            return text
        data: bytes = event["bytes"]
        return data

    async def send(self, message: Message) -> None:
        """Send a message, and wait while the client is slow to take it. Raises ClientGone."""
        await self._out({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye. Raises ClientGone."""
        await self._out({"type": "websocket.close", "code": code, "reason": reason})

    async def _out(self, event: dict[str, Any]) -> None:
        try:
            await self._send(event)
        except (OSError, RuntimeError):  # ASGI's word for a client that has gone, and uvicorn's after its own close
            raise ClientGone from None
