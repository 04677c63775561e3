"""Paths and queries of clients, checked before they become a part of a vendor's address.

A path goes on as it came, byte for byte, or not at all: what is cleaned here and read otherwise there is how requests
leave the place that was meant for them.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_plus, unquote_to_bytes

from tianji_core.api.errors import BadRequestError

_PLAIN = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
"""Slashes and what a segment may hold (RFC 3986 §3.3)."""
_QUERY = re.compile(r"[!\"$-~]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DECODINGS = 4
"""Times that a path may be encoded over; nobody has a reason for more."""
CREDENTIALS = frozenset(
    "access_token api-key api_key apikey key oauth_token quotauser subscription-key token userproject".split()  # noqa: SIM905
)
"""Members of a query that say who asks, or who pays; names in lower case, without a `$` in front."""


def checked_path(path: str) -> str:
    """The path, which begins with a slash and is percent-encoded. Raises BadRequestError if it might lead elsewhere."""
    if not _PLAIN.fullmatch(path) or "//" in path:
        raise _refused()
    text = path
    for _ in range(_DECODINGS):
        if _leads_away(text):
            raise _refused()
        try:
            decoded = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise _refused() from None
        if decoded == text:
            return path
        text = decoded
    raise _refused()


def _leads_away(text: str) -> bool:
    """Whether a segment means another place, to whoever decodes so far, or takes one character for another."""
    if _CONTROL.search(text):
        return True
    segments = unicodedata.normalize("NFKC", text).replace("\\", "/").split("/")
    return any(segment.partition(";")[0] in (".", "..") for segment in segments)


def checked_query(query: str) -> str:
    """The query without credentials. Raises BadRequestError if it cannot be a part of an address."""
    if not _QUERY.fullmatch(query):
        raise BadRequestError("The query holds characters that must be percent-encoded.")
    return "&".join(member for member in query.split("&") if not _is_credential(member)) if query else ""


def _is_credential(member: str) -> bool:
    name = unquote_plus(member.partition("=")[0]).strip().lower().removeprefix("$")
    return name in CREDENTIALS or name.startswith("x-amz-")


def _refused() -> BadRequestError:
    return BadRequestError("This path cannot be passed on.")
