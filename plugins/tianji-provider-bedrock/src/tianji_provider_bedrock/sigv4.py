"""Signatures of requests, by botocore.

Source: AWS "Signature Version 4 for API requests". The path is signed as it is sent, percent-encoded once more, which
botocore does for every service but S3. botocore takes a while to import, so that is left to the first call, and to
a thread.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from tianji_core.api.http import UpstreamRequest

SERVICE = "bedrock"
"""What all of Bedrock's hosts are called in a signature."""
_SIGNED = frozenset({"content-type"})
"""Header fields that are signed beside `host` and the signature's own. Others may change on the way."""


class Credentials(NamedTuple):
    """What a request is signed with; `token` belongs to temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None


def loaded() -> bool:
    """Whether `sign` can go to work at once."""
    return "botocore.auth" in sys.modules and "botocore.awsrequest" in sys.modules


def load() -> None:
    """Import what `sign` needs. Takes some tenths of a second, once."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials  # noqa: F401


def sign(request: UpstreamRequest, credentials: Credentials, region: str, service: str = SERVICE) -> UpstreamRequest:
    """The request with a signature that is good for some minutes from now. Its body has to be bytes."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import ReadOnlyCredentials

    fields = {name: value for name, value in request.headers if name in _SIGNED}
    signed = AWSRequest(method=request.method, url=request.url, data=request.body, headers=fields)
    SigV4Auth(ReadOnlyCredentials(*credentials), service, region).add_auth(signed)
    added = [(name.lower(), value) for name, value in signed.headers.items() if name.lower() not in fields]
    taken = {name for name, _ in added}
    kept = [field for field in request.headers if field[0] not in taken]
    return UpstreamRequest(request.method, request.url, [*kept, *added], request.body)
