"""What one request asks of the cache: by the member `cache` of its body, and by the header field `cache-control`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.call import Call

_NAMESPACE = re.compile(r"[!-9;-~]{1,128}")  # printable, no colon: that ends a namespace in a key
_CONTROL = b"cache-control"
_FLAGS = ("no-cache", "no-store", "use-cache")


class Wishes(NamedTuple):
    """Whether to look, whether to keep, for how long, how old an answer may be (seconds), under which prefix."""

    reads: bool = True
    stores: bool = True
    ttl: float | None = None
    max_age: float | None = None
    namespace: str | None = None


_ALL = Wishes()


def read_wishes(call: Call, *, default_on: bool) -> Wishes | None:
    """What this request wants; None if it is not to use the cache at all. Raises BadRequestError."""
    asked = call.body.get("cache")
    header = call.headers.get(_CONTROL)
    if asked is None and header is None:
        return _ALL if default_on else None
    found = {} if asked is None else _checked(asked)
    if header is not None:
        found = {**_of_header(header), **found}
    if not (default_on or found.get("use-cache")) or found.get("use-cache") is False:
        return None
    wishes = Wishes(
        reads=not found.get("no-cache"),
        stores=not found.get("no-store") and found.get("ttl") != 0,
        ttl=found.get("ttl"),
        max_age=found.get("s-maxage"),
        namespace=found.get("namespace"),
    )
    return wishes if wishes.reads or wishes.stores else None


def _checked(asked: Any) -> dict[str, Any]:
    if not isinstance(asked, dict):
        raise BadRequestError("Invalid type for 'cache': expected an object.", param="cache")
    found: dict[str, Any] = {}
    for name, value in asked.items():
        if value is None:
            continue
        if name in _FLAGS:
            if not isinstance(value, bool):
                raise BadRequestError(f"cache.{name} must be a boolean.", param="cache")
        elif name in ("ttl", "s-maxage"):
            value = _seconds(name, value)
        elif name == "namespace":
            if not isinstance(value, str) or not _NAMESPACE.fullmatch(value):
                raise BadRequestError(
                    "cache.namespace must be 1 to 128 printable ASCII characters without blanks and colons.",
                    param="cache",
                )
        else:
            raise BadRequestError(f"cache has no member {name!r}.", param="cache")
        found[name] = value
    return found


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, str):  # the reference's clients send both
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e10:
        raise BadRequestError(f"cache.{name} must be a number of seconds.", param="cache")
    return float(value)


def _of_header(header: bytes) -> dict[str, Any]:
    """Directives of RFC 9111 §5.2.1 that mean something here; all others are left alone, as it wants."""
    found: dict[str, Any] = {}
    for part in header.decode("latin-1").lower().split(","):
        name, _, value = part.strip().partition("=")
        if name in ("no-cache", "no-store"):
            found[name] = True
        elif name in ("s-maxage", "max-age") and value.strip('"').isdecimal() and len(value) < 11:
            found[name] = float(value.strip('"'))
    age = found.pop("max-age", None)  # s-maxage is the one for caches that many share
    if age is not None:
        found.setdefault("s-maxage", age)
    return found
