"""Header fields that go on: a client's to a vendor, and a vendor's back.

To the vendor goes what is known to be of use there, for nobody can list all fields that hold a secret: a `custom_auth`
may read any. Back goes everything but what belongs to the connection, to the vendor's own site, or to its accounts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from tianji_core.api.http import Headers

RawHeader = tuple[bytes, bytes]

USUAL = frozenset(
    """
    accept accept-language cache-control content-disposition content-encoding content-language content-range
    content-type idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since prefer range
    user-agent x-client-request-id x-request-id
    """.split()  # noqa: SIM905 - easier on the eye than twenty quoted words
)
"""Fields that every vendor may see."""
FAMILIES = ("x-stainless-",)
"""The same for beginnings of names: how the official clients describe themselves."""

HOP_BY_HOP = frozenset(
    """
    connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade
    """.split()  # noqa: SIM905
)
_OURS_TO_SAY = frozenset(
    """
    accept-encoding authorization content-length cookie cookie2 expect forwarded host http2-settings origin referer
    via x-real-ip
    """.split()  # noqa: SIM905
)
_PRIVATE = re.compile(
    r"x-(litellm|tianji|forwarded|amz|envoy|azure|original|http-method|method)-|sec-|cf-|(.*[-_])?(auth\w*|token|key"
    r"|secret|password|credentials?|session|cookie|signature|user-project|organization|project)([-_].*)?$|api-?key"
    r"|true-client-ip"
)
"""Names that say who asks, where from, or who pays."""

_NOT_BACK = frozenset(
    """
    access-control-allow-credentials access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-expose-headers access-control-max-age alt-svc
    anthropic-organization-id content-security-policy date nel openai-organization openai-project report-to
    reporting-endpoints server set-cookie set-cookie2 strict-transport-security via www-authenticate x-frame-options
    """.split()  # noqa: SIM905
)


def to_vendor(fields: Iterable[RawHeader], extra: Collection[str] = ()) -> list[tuple[str, str]]:
    """What of a client's fields a vendor may see; `extra` are names, and beginnings that end with `*`."""
    families = (*FAMILIES, *(name[:-1] for name in extra if name.endswith("*")))
    listed = _in_connection(fields)
    found = []
    for raw, value in fields:
        name = raw.decode("latin-1").lower()
        known = name in USUAL or name in extra or name.startswith(families)
        if known and name not in listed:
            found.append((name, value.decode("latin-1")))
    return found


def all_harmless(fields: Iterable[RawHeader], secret: str | None) -> list[tuple[str, str]]:
    """All of a client's fields but those of the connection and any that look like a credential, or hold `secret`."""
    listed = _in_connection(fields)
    found = []
    for raw, value in fields:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        if name in HOP_BY_HOP or name in _OURS_TO_SAY or name in listed:
            continue
        if _PRIVATE.match(name) and name != "idempotency-key":
            continue
        if secret and secret in text:
            continue
        found.append((name, text))
    return found


def to_client(headers: Headers, secrets: Iterable[str], *, keeps_length: bool) -> list[RawHeader]:
    """What of a vendor's fields the client gets. The length stays only where the body does."""
    listed = {name.strip().lower() for value in headers.get_all("connection") for name in value.split(",")}
    hidden = tuple(secrets)
    found = []
    for name, value in headers:
        if name in HOP_BY_HOP or name in _NOT_BACK or name in listed:
            continue
        if name == "content-length" and not keeps_length:
            continue
        if any(secret in value for secret in hidden):
            continue
        found.append((name.encode("latin-1"), value.encode("latin-1")))
    return found


def _in_connection(fields: Iterable[RawHeader]) -> set[str]:
    """The fields that a client's `Connection` names (RFC 9110 §7.6.1)."""
    return {
        name.strip().lower()
        for raw, value in fields
        if raw.lower() == b"connection"
        for name in value.decode("latin-1").split(",")
    }
