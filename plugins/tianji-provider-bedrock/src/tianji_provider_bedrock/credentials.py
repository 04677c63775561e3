"""Where the credentials come from: settings, environment, roles, profiles, and what AWS lends to its machines.

Sources: STS API reference (`AssumeRole`, `AssumeRoleWithWebIdentity`), AWS SDKs and Tools Reference Guide,
"Standardized credential providers". Roles are assumed over the network that the core lends. All else (profiles, SSO,
containers, instances) is botocore's, which waits for files and sockets and therefore runs in a thread.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tianji_core.api.errors import AuthenticationError, BadGatewayError, error_class_for
from tianji_core.api.http import Network, UpstreamRequest
from tianji_core.api.tokens import Token, TokenCache
from tianji_provider_bedrock.regions import domain
from tianji_provider_bedrock.settings import BedrockSettings
from tianji_provider_bedrock.sigv4 import Credentials, load, sign

STATIC_FOR = 3600.0
"""Seconds after which credentials without an end are looked up again: files and variables change."""
LENT_FOR = 180.0
"""The same for those that botocore renews by itself, ten minutes before their end or earlier."""
SESSION_NAME = "tianji"
_NONE = (
    "No AWS credentials: set aws_access_key_id and aws_secret_access_key, aws_profile_name or aws_role_name, give the "
    "machine a role, or set api_key or AWS_BEARER_TOKEN_BEDROCK."
)
_FIELD = re.compile(r"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration|Code)>([^<]*)</")


class CredentialSource:
    """The credentials of one deployment, renewed in time. Many calls that need new ones wait for one fetch."""

    def __init__(self, settings: BedrockSettings, region: str) -> None:
        self._settings = settings
        self._region = region
        self._cache = TokenCache()
        self._chain: Any = None
        self._given = _given(settings)

    async def get(self, network: Network) -> Credentials:
        """Credentials that are good for a while.

        Raises AuthenticationError if there are none, or a role may not be assumed, and what `Network.fetch` raises.
        """
        if self._given is not None and not self._settings.aws_role_name:
            return self._given
        return _unpacked(await self._cache.get(lambda: self._fetch(network)))

    async def _fetch(self, network: Network) -> Token:
        settings = self._settings
        role = settings.aws_role_name
        if settings.aws_web_identity_token and not role:
            raise AuthenticationError("aws_web_identity_token needs aws_role_name.")
        irsa = self._irsa()
        if role and settings.aws_web_identity_token:
            return await self._assume(network, role, web_token=await self._web_token(settings.aws_web_identity_token))
        if irsa is not None and role in (None, irsa[0]):
            return await self._assume(network, irsa[0], web_token=await self._web_token(irsa[1]))
        if role is None:
            return await asyncio.to_thread(self._from_botocore)
        if self._given is not None:
            own = self._given
        elif irsa is not None:
            own = _unpacked((await self._assume(network, irsa[0], web_token=await self._web_token(irsa[1]))).value)
        else:
            own = _unpacked((await asyncio.to_thread(self._from_botocore)).value)
        return await self._assume(network, role, own=own)

    def _irsa(self) -> tuple[str, str] | None:
        """Role and token file that Kubernetes puts into the environment of a pod, if nothing else is asked for."""
        settings = self._settings
        role, path = settings.env("AWS_ROLE_ARN"), settings.env("AWS_WEB_IDENTITY_TOKEN_FILE")
        if not role or not path or self._given is not None or settings.aws_profile_name:
            return None
        return role, path

    async def _web_token(self, source: str) -> str:
        """The token that a setting means: a variable's name, the path of a file, or the token itself.

        LiteLLM's `oidc/env/NAME`, `oidc/file/PATH` and `oidc/env_path/NAME` (a variable with a path) are known too.
        """
        kind, _, rest = source.removeprefix("oidc/").partition("/") if source.startswith("oidc/") else ("", "", "")
        if kind == "file":
            value = f"/{rest.lstrip('/')}"
        elif kind in ("env", "env_path"):
            value = self._settings.env(rest) or ""
        elif kind:
            raise AuthenticationError(f"Web identity tokens from {kind!r} are not offered here.")
        else:
            value = self._settings.env(source) or source
        if not value:
            raise AuthenticationError("The variable of the web identity token is not set.")
        if not value.startswith(("/", "./")):
            return value
        try:
            return (await asyncio.to_thread(Path(value).read_text)).strip()
        except OSError:
            raise AuthenticationError("The file of the web identity token cannot be read.") from None

    async def _assume(
        self, network: Network, role: str, *, own: Credentials | None = None, web_token: str | None = None
    ) -> Token:
        """Credentials of a role, asked for with our own, or with a web identity token, which needs no signature."""
        settings = self._settings
        form = {
            "Action": "AssumeRole" if web_token is None else "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": settings.aws_session_name or settings.env("AWS_ROLE_SESSION_NAME") or SESSION_NAME,
        }
        if web_token is not None:
            form["WebIdentityToken"] = web_token
        else:
            if settings.aws_external_id:
                form["ExternalId"] = settings.aws_external_id
            for number, tag in enumerate(settings.aws_session_tags, 1):
                form[f"Tags.member.{number}.Key"] = tag.get("Key", "")
                form[f"Tags.member.{number}.Value"] = tag.get("Value", "")
        url = settings.aws_sts_endpoint or f"https://sts.{self._region}.{domain(self._region)}/"
        headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")]
        request = UpstreamRequest("POST", url, headers, urlencode(form).encode())
        if own is not None:
            await asyncio.to_thread(load)
            request = sign(request, own, self._region, "sts")
        reply = await network.fetch(request, timeout=30.0)
        fields = dict(_FIELD.findall(reply.body.decode("utf-8", "replace")))
        if reply.status >= 400:
            cls = error_class_for(reply.status) if reply.status >= 500 or reply.status == 429 else AuthenticationError
            raise cls(f"AWS refused to let the role be assumed: {fields.get('Code') or reply.status}.")
        return _assumed(fields)

    def _from_botocore(self) -> Token:
        """Credentials of a profile, or of whatever botocore finds. Runs in a thread."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.session import Session

        load()
        try:
            if self._chain is None:
                profile = self._settings.aws_profile_name or self._settings.env("AWS_PROFILE")
                self._chain = Session(profile=profile).get_credentials()
            if self._chain is None:
                raise AuthenticationError(_NONE)
            frozen = self._chain.get_frozen_credentials()
        except (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, KeyError) as error:
            # The last three are what botocore makes of files and services that answer nonsense.
            self._chain = None
            raise AuthenticationError(f"The AWS credentials cannot be found out ({type(error).__name__}).") from error
        lent = hasattr(self._chain, "refresh_needed")
        if not lent:
            self._chain = None  # read anew next time: it would give the same for ever
        return Token(
            _packed(Credentials(frozen.access_key, frozen.secret_key, frozen.token)), LENT_FOR if lent else STATIC_FOR
        )


def _given(settings: BedrockSettings) -> Credentials | None:
    """The keys that the settings hold, or, if they name no other source, the environment."""
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    if key and secret:
        return Credentials(key, secret, settings.aws_session_token or None)
    if settings.aws_profile_name:
        return None
    key, secret = settings.env("AWS_ACCESS_KEY_ID"), settings.env("AWS_SECRET_ACCESS_KEY")
    return Credentials(key, secret, settings.env("AWS_SESSION_TOKEN")) if key and secret else None


def _assumed(fields: Mapping[str, str]) -> Token:
    key, secret, token = (fields.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    if not key or not secret or not token:
        raise BadGatewayError("The answer of AWS STS holds no credentials.")
    try:
        end = datetime.fromisoformat(fields["Expiration"])
    except (KeyError, ValueError):
        return Token(_packed(Credentials(key, secret, token)), STATIC_FOR / 2)
    if end.tzinfo is None:
        end = end.replace(tzinfo=UTC)
    return Token(_packed(Credentials(key, secret, token)), max(1.0, (end - datetime.now(UTC)).total_seconds()))


def _packed(credentials: Credentials) -> str:
    """Credentials as one text, which is what a TokenCache keeps; none of the three holds a line end."""
    return "\n".join((credentials.access_key, credentials.secret_key, credentials.token or ""))


def _unpacked(text: str) -> Credentials:
    key, secret, token = text.split("\n")
    return Credentials(key, secret, token or None)
