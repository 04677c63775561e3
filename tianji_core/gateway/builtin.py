"""What needs no package of its own: registered through the same door as any plugin."""

from __future__ import annotations

import hashlib
import hmac
import inspect
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from tianji_core.api.auth import AuthBackend, Credentials
from tianji_core.api.call import Principal
from tianji_core.api.errors import AuthenticationError, GatewayError
from tianji_core.api.files import FilesAPI
from tianji_core.api.provider import Capabilities, ProviderSettings
from tianji_core.discovery import Registry
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.batches import OpenAIBatches
from tianji_core.openai_compat.provider import PATHS
from tianji_core.routing import SimpleShuffle


class AnyOpenAICompatible(OpenAICompatible):
    """`openai_compatible/…`: any server that speaks OpenAI's API, at the address that the row gives."""

    name = "openai_compatible"
    key_required = False
    api_key_env = ("OPENAI_COMPATIBLE_API_KEY",)
    api_base_env = ("OPENAI_COMPATIBLE_API_BASE",)
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    resources = frozenset({"assistants", "conversations", "fine_tuning", "uploads", "vector_stores"})
    files_api = FilesAPI()
    batch_api = OpenAIBatches(own_rows=True)
    capabilities = Capabilities(frozenset(PATHS), OpenAICompatible.capabilities.features).lacking(
        operations=("completions",)
    )


def register_builtins(registry: Registry) -> None:
    """Hand the built-in objects to a registry, once."""
    if "openai_compatible" in registry.names("provider"):
        return
    registry.register("provider", "openai_compatible", AnyOpenAICompatible, ProviderSettings)
    registry.register("provider", "custom_openai", AnyOpenAICompatible, ProviderSettings)
    registry.register("routing_strategy", "simple-shuffle", lambda _settings: SimpleShuffle())


class MasterKey(AuthBackend):
    """The admin's key from the config. A wrong key is nobody's, so another backend may know it."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.principal = Principal(
            key_hash=hashlib.sha256(self._key).hexdigest(),
            user_id="default_user_id",
            roles=frozenset({"proxy_admin"}),
        )

    def check(self, key: str | None) -> Principal | None:
        """The admin, if this is his key; takes the same time for every wrong one."""
        if key is not None and hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self._key):
            return self.principal
        return None

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        return self.check(credentials.key)


class CustomAuth(AuthBackend):
    """`general_settings.custom_auth`: a function `(request, api_key)` beside the config that says who calls.

    It returns a Principal, a text (the key's alias), or an object with the reference's attributes (`user_id`,
    `team_id`, `user_role`, …), and raises to refuse.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        scope = {
            "type": "http",
            "method": credentials.method,
            "path": credentials.path,
            "query_string": b"",
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in credentials.headers],
        }
        try:
            found = self._function(Request(scope), credentials.key)
            if inspect.isawaitable(found):
                found = await found
        except GatewayError:
            raise
        except Exception as error:
            raise AuthenticationError("Authentication Error: refused by custom auth.", type="auth_error") from error
        return _principal(found, credentials.key)


def _principal(found: Any, key: str | None) -> Principal | None:
    if found is None or isinstance(found, Principal):
        return found
    key_hash = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() if key else None
    if isinstance(found, str):
        return Principal(key_hash=key_hash, key_alias=found, roles=frozenset({"internal_user"}))
    role = getattr(found, "user_role", None)
    role = getattr(role, "value", role) or "internal_user"
    return Principal(
        key_hash=key_hash,
        key_alias=getattr(found, "key_alias", None),
        user_id=getattr(found, "user_id", None),
        team_id=getattr(found, "team_id", None),
        organization_id=getattr(found, "org_id", None),
        roles=frozenset({str(role)}),
        models=frozenset(getattr(found, "models", None) or ()),
        metadata=dict(getattr(found, "metadata", None) or {}),
    )
