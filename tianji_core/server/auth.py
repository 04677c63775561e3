"""From a request's header fields to a principal."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from starlette.types import Scope

from tianji_core.api.auth import AuthBackend, Credentials
from tianji_core.api.call import ANONYMOUS, Principal
from tianji_core.api.errors import AuthenticationError, PermissionDeniedError
from tianji_core.api.http import Headers
from tianji_core.gateway.builtin import MasterKey
from tianji_core.server.permissions import Permission

RawHeaders = Mapping[bytes, bytes]

_PLAIN_KEY_HEADERS = (b"api-key", b"x-api-key", b"x-goog-api-key", b"ocp-apim-subscription-key")


class Authenticator:
    """Asks the auth backends in their order; the first that knows the caller decides.

    Without any backend (no master key) every caller is anonymous: he may call models, and administer nothing.
    """

    def __init__(self, backends: tuple[AuthBackend, ...], key_header: str | None = None) -> None:
        self._backends = backends
        own = (key_header.lower().encode(),) if key_header else ()
        self._own_headers = (*own, b"x-litellm-api-key", b"x-tianji-api-key")
        # The common case, one master key and nothing else, needs no credentials object and no await.
        self._master = backends[0] if backends and isinstance(backends[0], MasterKey) else None

    async def principal(self, scope: Scope, headers: RawHeaders) -> Principal:
        """Who sends this. Raises AuthenticationError if nobody knows, with the reference's type and texts."""
        if not self._backends:
            return ANONYMOUS
        key = self.find_key(headers)
        if self._master is not None:
            found = self._master.check(key)
            if found is not None:
                return found
        client = scope.get("client")
        credentials = Credentials(
            key=key,
            headers=Headers((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]),
            method=scope["method"],
            path=scope["path"],
            client=client[0] if client else None,
        )
        for backend in self._backends:
            if backend is self._master:
                continue
            found = await backend.authenticate(credentials)
            if found is not None:
                return found
        raise AuthenticationError(
            "Authentication Error, No api key passed in." if key is None else "Authentication Error, Invalid API key.",
            type="auth_error",
            param="None",
        )

    async def require(self, permission: Permission, scope: Scope, headers: RawHeaders) -> Principal:
        """The caller, if he may use a route of this permission. Raises AuthenticationError, PermissionDeniedError."""
        if permission is Permission.PUBLIC:
            return ANONYMOUS
        principal = await self.principal(scope, headers)
        if permission is Permission.ADMIN and not principal.is_admin:
            raise PermissionDeniedError("Only proxy admins may use this route.", type="auth_error")
        return principal

    def find_key(self, headers: RawHeaders) -> str | None:
        """The key, from the first header field that has one; the order is the reference's."""
        for name in self._own_headers:
            value = headers.get(name)
            if value:
                return _token(value)
        value = headers.get(b"authorization")
        if value:
            return _token(value)
        for name in _PLAIN_KEY_HEADERS:
            value = headers.get(name)
            if value:
                return value.decode("latin-1")
        return None


def _token(value: bytes) -> str:
    """The key in an Authorization value: after `Bearer`, in a `Basic` pair's password (or user), or bare."""
    scheme, _, rest = value.partition(b" ")
    kind = scheme.lower()
    if kind == b"bearer":
        return rest.strip().decode("latin-1")
    if kind == b"basic":
        try:
            user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return password or user
    return value.strip().decode("latin-1")
