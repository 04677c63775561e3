"""Addresses and header fields that a config gives for services: checked when they are read, not when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def checked_address(url: str, what: str) -> str:
    """The address, if it can be asked. Raises ValueError, which never holds it; `what` is whose it is."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the address of a {what} has to begin with http:// or https://")
    return url


def checked_fields(headers: Mapping[str, str] | None) -> list[tuple[str, str]]:
    """Header fields, their names in lower case. Raises ValueError, which never holds a value."""
    fields = [(name.lower(), value) for name, value in (headers or {}).items()]
    for name, value in fields:
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError("a header name has characters that HTTP does not allow")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the header {name} has characters that HTTP does not allow")
    return fields
