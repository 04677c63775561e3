"""Google credentials, and the tokens that they give.

Which kinds there are and what is exchanged for a token is google-auth's business; what it sends goes through the
gateway's own network, from a thread of its own. Source: Google's "How Application Default Credentials works" page.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from google.auth import aws, external_account_authorized_user, identity_pool, impersonated_credentials, pluggable
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Request, Response
from google.oauth2 import credentials as authorized_user
from google.oauth2 import service_account

from tianji_core.api.errors import APIConnectionError, AuthenticationError
from tianji_core.api.http import Network, UpstreamReply, UpstreamRequest
from tianji_core.api.tokens import Token
from tianji_core.translate.shapes import as_object, as_text
from tianji_provider_vertex_ai.settings import CREDENTIALS_ENV, VertexSettings

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
METADATA_HOST = "metadata.google.internal"
USUAL_LIFE = 600.0
"""Seconds that a token is taken to be good for if nobody says."""
FETCH_SECONDS = 30.0
_AWS = "urn:ietf:params:aws:token-type:aws4_request"


class Credential(ABC):
    """Something that gives access tokens."""

    project: str | None = None
    """The project that the credential itself names."""
    quota_project: str | None = None
    """The project that calls are counted for, where it is another one."""

    @abstractmethod
    async def token(self, network: Network) -> Token:
        """A fresh token. Raises AuthenticationError if the credential is refused, and what the network raises."""

    async def find_project(self, network: Network) -> str | None:
        """The project, if it has to be asked for."""
        return self.project


def credential_of(settings: VertexSettings) -> Credential:
    """The credential of the settings, the environment, gcloud's default file, or else the machine's own.

    Raises ValueError for one that cannot be read; its text says where, never what.
    """
    given: Any = settings.credentials or settings.env(*CREDENTIALS_ENV) or _default_file(settings)
    if given is None:
        return MetadataServer(settings.env("GCE_METADATA_HOST") or METADATA_HOST)
    return GoogleCredential(_read(given))


class GoogleCredential(Credential):
    """A credential that google-auth knows: service accounts, users, other clouds' identities, impersonation."""

    def __init__(self, info: dict[str, Any]) -> None:
        self._credentials = _load(info)
        self.project = as_text(info.get("project_id")) or None
        self.quota_project = as_text(info.get("quota_project_id")) or None

    async def token(self, network: Network) -> Token:
        request = BridgedRequest(network, asyncio.get_running_loop())
        try:
            # It signs, reads files and waits for answers: not on the event loop.
            await asyncio.to_thread(self._credentials.refresh, request)
        except (TransportError, TimeoutError) as error:
            raise APIConnectionError("Google's token endpoint could not be reached.") from error
        except (GoogleAuthError, OSError, ValueError) as error:
            if isinstance(error, GoogleAuthError) and error.retryable:
                raise APIConnectionError("Google's token endpoint gives no tokens at the moment.") from error
            reason = str(error.args[0]) if isinstance(error, GoogleAuthError) and error.args else "it cannot be used"
            raise AuthenticationError(f"Google refused the credential: {reason[:300]}.") from error
        token, expiry = self._credentials.token, self._credentials.expiry
        if not isinstance(token, str) or not token:
            raise AuthenticationError("Google gave no token for the credential.")
        if not isinstance(expiry, datetime):
            return Token(token, USUAL_LIFE)
        left = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()  # google-auth's are naive, and in UTC
        return Token(token, max(left, 1.0))


class MetadataServer(Credential):
    """The service account of the machine that the gateway runs on, by Google Cloud's metadata server."""

    def __init__(self, host: str) -> None:
        self._root = f"http://{host}/computeMetadata/v1"

    async def token(self, network: Network) -> Token:
        reply = await self._get(network, f"/instance/service-accounts/default/token?scopes={SCOPES[0]}")
        answer = as_object(_json(reply.body))
        token, seconds = as_text(answer.get("access_token")), answer.get("expires_in")
        if not token:
            raise AuthenticationError("The metadata server gave no token.")
        return Token(token, float(seconds) if isinstance(seconds, int | float) else USUAL_LIFE)

    async def find_project(self, network: Network) -> str | None:
        return (await self._get(network, "/project/project-id")).body.decode("utf-8", "replace").strip() or None

    async def _get(self, network: Network, path: str) -> UpstreamReply:
        fields = [("metadata-flavor", "Google")]
        try:
            reply = await network.fetch(UpstreamRequest("GET", self._root + path, fields), timeout=5.0)
        except APIConnectionError:
            raise AuthenticationError(
                "No Google credential: set vertex_credentials or GOOGLE_APPLICATION_CREDENTIALS; and this machine "
                "has no metadata server."
            ) from None
        if reply.status != 200:
            raise AuthenticationError(f"The metadata server answered with status {reply.status}.")
        return reply


class BridgedRequest(Request):
    """google-auth's way to the network, from its thread to the gateway's event loop and back."""

    def __init__(self, network: Network, loop: asyncio.AbstractEventLoop) -> None:
        self._network = network
        self._loop = loop

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Response:
        data = body.encode() if isinstance(body, str) else bytes(body or b"")
        fields = [(name.lower(), str(value)) for name, value in (headers or {}).items()]
        sent = UpstreamRequest(method, url, [field for field in fields if field[0] != "content-length"], data)
        seconds = timeout or FETCH_SECONDS
        future = asyncio.run_coroutine_threadsafe(self._network.fetch(sent, timeout=seconds), self._loop)
        # The network keeps its time; this is for a loop that has ended.
        return BridgedResponse(future.result(seconds + 5))


class BridgedResponse(Response):
    """An answer as google-auth reads it."""

    def __init__(self, reply: UpstreamReply) -> None:
        self._reply = reply

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> dict[str, str]:
        return dict(self._reply.headers)

    @property
    def data(self) -> bytes:
        return self._reply.body


# google-auth has annotations on some of its functions only; these are called as they are.
_ServiceAccount: Any = service_account.Credentials
_User: Any = authorized_user.Credentials
_Impersonated: Any = impersonated_credentials.Credentials
_ExternalUser: Any = external_account_authorized_user.Credentials
_Aws: Any = aws.Credentials
_Executable: Any = pluggable.Credentials
_IdentityPool: Any = identity_pool.Credentials


def _load(info: dict[str, Any]) -> Any:
    """google-auth's object for a credential. Raises ValueError, whose text holds nothing of it."""
    kind = as_text(info.get("type"))
    source = as_object(info.get("credential_source"))
    try:
        if kind == "service_account":
            return _ServiceAccount.from_service_account_info(info, scopes=SCOPES)
        if kind == "authorized_user":
            return _User.from_authorized_user_info(info, scopes=SCOPES)
        if kind == "impersonated_service_account":
            return _Impersonated.from_impersonated_service_account_info(info, scopes=SCOPES)
        if kind == "external_account_authorized_user":
            return _ExternalUser.from_info(info)
        if kind == "external_account":
            if info.get("subject_token_type") == _AWS:
                return _Aws.from_info(info, scopes=SCOPES)
            if "executable" in source:
                return _Executable.from_info(info, scopes=SCOPES)
            return _IdentityPool.from_info(info, scopes=SCOPES)
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"vertex_credentials: this is no credential of type {kind!r} that can be used") from None
    raise ValueError(f"vertex_credentials: there is no credential of type {kind!r}")


def _read(given: Any) -> dict[str, Any]:
    """The credential's fields, from JSON or from the file that it names."""
    if isinstance(given, dict):
        return given
    text = str(given)
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise ValueError(f"vertex_credentials: the file cannot be read ({type(error).__name__})") from None
    found = _json(text)
    if not isinstance(found, dict):
        raise ValueError("vertex_credentials: this is neither a JSON object nor the path of a file with one")
    return found


def _json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:  # private keys that went through an environment variable may have real line ends in them
        return json.loads(text, strict=False)
    except ValueError:
        return None


def _default_file(settings: VertexSettings) -> str | None:
    """Where gcloud puts the credential of `gcloud auth application-default login`, if it is there."""
    folder = settings.env("CLOUDSDK_CONFIG")
    if folder is None:
        home = settings.env("HOME")
        folder = f"{home}/.config/gcloud" if home else None
    path = Path(folder, "application_default_credentials.json") if folder else None
    return str(path) if path is not None and path.is_file() else None
