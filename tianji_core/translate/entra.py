"""Microsoft Entra ID: from what a row of the config says to the token that its calls carry.

Sources: Microsoft's "OAuth 2.0 client credentials flow", "Sign in with resource owner password credentials" and
"Workload identity federation" (the forms posted), "azure-identity" (the environment variables).
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from pydantic import Field

from tianji_core.api.errors import AuthenticationError
from tianji_core.api.http import Network, UpstreamRequest
from tianji_core.api.provider import ProviderSettings
from tianji_core.api.tokens import Token, TokenCache
from tianji_core.translate.oauth import fetch_token

SCOPE = "https://cognitiveservices.azure.com/.default"
AUTHORITY = "https://login.microsoftonline.com"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIBRARY = (
    "DefaultAzureCredential",
    "ManagedIdentityCredential",
    "WorkloadIdentityCredential",
    "EnvironmentCredential",
    "AzureCliCredential",
)
"""Credentials of azure-identity that need no more than their names."""

Fetch = Callable[[Network], Awaitable[Token]]


class EntraSettings(ProviderSettings):
    """The keys of `litellm_params` that say how a deployment gets its token."""

    azure_ad_token: str | None = Field(
        None, repr=False, description="A token, or `oidc/file/…`, `oidc/env/…`, `oidc/env_path/…` for one to exchange"
    )
    tenant_id: str | None = Field(None, description="Entra tenant; else AZURE_TENANT_ID")
    client_id: str | None = Field(None, description="Entra application; else AZURE_CLIENT_ID")
    client_secret: str | None = Field(None, repr=False, description="Its secret; else AZURE_CLIENT_SECRET")
    azure_username: str | None = Field(None, description="User to sign in as; else AZURE_USERNAME")
    azure_password: str | None = Field(None, repr=False, description="His password; else AZURE_PASSWORD")
    azure_scope: str | None = Field(None, description="What the token is for; else AZURE_SCOPE, else all of Azure AI")
    azure_credential: str | None = Field(
        None, description="Credential of azure-identity to use, such as DefaultAzureCredential; else AZURE_CREDENTIAL"
    )

    def names_entra(self) -> bool:
        """Whether the row itself asks for a token, so that a key of the environment does not count."""
        return any((self.azure_ad_token, self.client_secret, self.azure_password, self.azure_credential))


class Entra:
    """One deployment's way to its token; `static` is one that is sent as it is."""

    def __init__(self, *, static: str | None = None, fetch: Fetch | None = None) -> None:
        self.static = static
        self._fetch = fetch
        self._cache = TokenCache()

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        """The request with a token that was fetched. Raises AuthenticationError, and what `Network.fetch` raises."""
        fetch = self._fetch
        if fetch is None:
            return request

        async def now() -> Token:
            return await fetch(network)

        field = ("authorization", f"Bearer {await self._cache.get(now)}")
        return replace(request, headers=[*request.headers, field])


def entra(settings: EntraSettings) -> Entra | None:
    """The credential that the row or the environment tells, None without any.

    A client's secret comes before a user's password, that before a token to exchange, a ready token, and what
    azure-identity finds. Raises ValueError for what cannot work.
    """
    tenant = settings.tenant_id or settings.env("AZURE_TENANT_ID")
    client = settings.client_id or settings.env("AZURE_CLIENT_ID")
    secret = settings.client_secret or settings.env("AZURE_CLIENT_SECRET")
    user = settings.azure_username or settings.env("AZURE_USERNAME")
    password = settings.azure_password or settings.env("AZURE_PASSWORD")
    token = settings.azure_ad_token or settings.env("AZURE_AD_TOKEN")
    library = settings.azure_credential or settings.env("AZURE_CREDENTIAL")
    scope = settings.azure_scope or settings.env("AZURE_SCOPE") or SCOPE
    authority = (settings.env("AZURE_AUTHORITY_HOST") or AUTHORITY).rstrip("/")
    if "://" not in authority:
        authority = f"https://{authority}"

    def url(of: str) -> str:
        return f"{authority}/{quote(of, safe='')}/oauth2/v2.0/token"

    if tenant and client and secret:
        form = {"client_id": client, "grant_type": "client_credentials", "scope": scope, "client_secret": secret}
        return Entra(fetch=lambda network: fetch_token(network, url(tenant), form))
    if client and user and password:
        signing = {"client_id": client, "grant_type": "password", "scope": scope, "username": user}
        return Entra(
            fetch=lambda network: fetch_token(
                network, url(tenant or "organizations"), {**signing, "password": password}
            )
        )
    source = token if token and token.startswith("oidc/") else None
    if source is None and not token and settings.env("AZURE_FEDERATED_TOKEN_FILE") and tenant and client:
        source = "oidc/azure/"  # as Kubernetes gives it to a workload
    if source is not None:
        if not (tenant and client):
            raise ValueError("azure_ad_token: a token can only be exchanged with tenant_id and client_id")
        return Entra(fetch=_federated(settings, source, url(tenant), client, scope))
    if token:
        return Entra(static=token)
    return Entra(fetch=_from_library(library, client, scope)) if library else None


def _federated(settings: EntraSettings, source: str, url: str, client: str, scope: str) -> Fetch:
    """Exchange another issuer's token, which is read anew each time, for whoever issued it renews it."""
    read = _reader(settings, source)

    async def fetch(network: Network) -> Token:
        try:
            assertion = (await asyncio.to_thread(read)).strip()
        except (OSError, UnicodeDecodeError):
            assertion = ""
        if not assertion:
            raise AuthenticationError("The token to be exchanged for one of Entra cannot be read.")
        form = {"client_id": client, "grant_type": "client_credentials", "scope": scope}
        form |= {"client_assertion_type": ASSERTION, "client_assertion": assertion}
        return await fetch_token(network, url, form)

    return fetch


def _reader(settings: EntraSettings, source: str) -> Callable[[], str]:
    """What reads the token that an `oidc/…` reference names. Raises ValueError for one that is not known."""
    _, _, rest = source.partition("/")
    kind, _, place = rest.partition("/")
    if kind == "env":
        return lambda: settings.env(place) or ""
    if kind in ("env_path", "azure"):
        path = settings.env(place if kind == "env_path" else "AZURE_FEDERATED_TOKEN_FILE")
        if not path:
            raise ValueError(f"azure_ad_token: the environment names no file for {source}")
        return Path(path).read_text
    if kind == "file" and place:
        return Path(place if place.startswith("/") else f"/{place}").read_text
    raise ValueError("azure_ad_token: of oidc/… only file, env, env_path and azure are known")


def _from_library(name: str, client: str | None, scope: str) -> Fetch:
    """A token from azure-identity, which is imported by the first call that needs it and waits in a thread."""
    if name not in LIBRARY:
        raise ValueError(f"azure_credential is one of {', '.join(LIBRARY)}")
    try:
        found = find_spec("azure.identity")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ValueError(f"azure_credential {name} needs the package azure-identity")
    made: list[object] = []

    def ask() -> Token:
        module = importlib.import_module("azure.identity")
        if not made:
            named = {"DefaultAzureCredential": "managed_identity_client_id", "ManagedIdentityCredential": "client_id"}
            made.append(getattr(module, name)(**({named[name]: client} if client and name in named else {})))
        return _as_token(made[0], scope)

    async def fetch(network: Network) -> Token:
        try:
            return await asyncio.to_thread(ask)
        except Exception as error:  # its errors are those of a dozen ways to be let in
            raise AuthenticationError(f"{name} of azure-identity got no token.") from error

    return fetch


def _as_token(credential: object, scope: str) -> Token:
    """What `get_token` gives, which says the Unix time of its end."""
    given = credential.get_token(scope)  # type: ignore[attr-defined]
    return Token(str(given.token), max(60.0, float(given.expires_on) - time.time()))
