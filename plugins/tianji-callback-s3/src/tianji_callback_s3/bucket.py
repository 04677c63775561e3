"""The bucket: addresses of objects, and requests signed by botocore."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tianji_callback_s3.settings import S3Settings
from tianji_core.api.callback import DeliveryError
from tianji_core.telemetry.sender import HttpSender


class Bucket:
    """Where objects are put. Credentials are those of the settings, else what botocore finds (environment, files,
    roles), which are renewed as they run out."""

    def __init__(self, settings: S3Settings) -> None:
        """Raises ValueError for an address that cannot be used."""
        self._region = settings.s3_region_name or settings.env("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
        name = quote(settings.s3_bucket_name, safe="")
        if settings.s3_endpoint_url:
            self._base = f"{settings.s3_endpoint_url.rstrip('/')}/{name}"
        elif "." in name:  # a dot in front of the host would not fit Amazon's certificate
            self._base = f"https://s3.{self._region}.amazonaws.com/{name}"
        else:
            self._base = f"https://{name}.s3.{self._region}.amazonaws.com"
        self._sender = HttpSender(self._base, timeout=settings.timeout)
        self._given: Credentials | None = None
        if settings.s3_aws_access_key_id and settings.s3_aws_secret_access_key:
            self._given = Credentials(
                settings.s3_aws_access_key_id, settings.s3_aws_secret_access_key, settings.s3_aws_session_token
            )
        self._found: Any = None

    async def put(self, key: str, body: bytes, content_type: str, encoding: str | None = None) -> None:
        """Put an object there, in the place of one with the same key. Raises DeliveryError."""
        url = f"{self._base}/{quote(key, safe='/-_.~')}"
        fields = {"content-type": content_type}
        if encoding is not None:
            fields["content-encoding"] = encoding
        credentials = self._given or await asyncio.to_thread(self._find)
        request = AWSRequest(method="PUT", url=url, data=body, headers=fields)
        S3SigV4Auth(credentials, "s3", self._region).add_auth(request)
        signed = {name.lower(): str(value) for name, value in request.headers.items()}
        # The transport writes these itself; what is signed of them is the same.
        for name in ("host", "content-length"):
            signed.pop(name, None)
        await self._sender.put(url, body, signed)

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _find(self) -> Any:
        """Credentials of the machine; may read files and ask a metadata service."""
        if self._found is None:
            self._found = botocore.session.get_session().get_credentials()
        if self._found is None:
            raise DeliveryError("there are no AWS credentials")
        return self._found.get_frozen_credentials()

    def __repr__(self) -> str:
        return f"Bucket({urlsplit(self._base).hostname})"
