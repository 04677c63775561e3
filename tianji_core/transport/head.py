"""From `UpstreamRequest` to the bytes of a request head, refusing what could smuggle a second request."""

from __future__ import annotations

import ipaddress
import string
from typing import NamedTuple
from urllib.parse import urlsplit

from tianji_core.api.http import UpstreamRequest

from .errors import InvalidRequest

_TOKEN = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")  # RFC 9110 §5.6.2
_HOST = frozenset(string.ascii_letters + string.digits + "-._")
_OURS = frozenset({"host", "content-length", "transfer-encoding"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})  # these say `content-length: 0` where there is no body

CHUNKED = -1
"""Body length of an upload whose size is not known."""

USER_AGENT = "tianji"

# Header names seen before -> which of the fields that we send unasked it is. Checking a name costs more than looking it
# up, and the names a gateway sends are few; bounded all the same, for names may come from a caller.
_ACCEPT_ENCODING, _USER_AGENT = 1, 2
_UNASKED = {"accept-encoding": _ACCEPT_ENCODING, "user-agent": _USER_AGENT}
_names: dict[str, int] = dict(_UNASKED)
_NAMES_KEPT = 1024


class Origin(NamedTuple):
    """Whom a connection belongs to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def split_url(url: str) -> tuple[Origin, str, str]:
    """(origin, request target, Host value) of an absolute http(s) url. Raises InvalidRequest; never quotes the url."""
    # urlsplit silently drops CR, LF and TAB, so look at the text first.
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidRequest("url contains a character that must be percent-encoded")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise InvalidRequest("url cannot be parsed") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise InvalidRequest("url scheme must be http or https")
    if "@" in parts.netloc:
        raise InvalidRequest("url must not carry user or password")
    if not host or port == 0:
        raise InvalidRequest("url has no usable host or port")
    if "[" in parts.netloc:
        try:
            ipaddress.IPv6Address(host.replace("%", " "))  # a zone (fe80::1%eth0) names a link of ours, not a vendor
        except ValueError:
            raise InvalidRequest("url has a malformed IPv6 address") from None
    elif not _HOST.issuperset(host):
        raise InvalidRequest("url has a malformed host")
    # The target is cut out of the text, not joined from the parts, so that it arrives as it was written ("/?" too).
    target = url.partition("#")[0].partition("://")[2][len(parts.netloc) :]
    if not target.startswith("/"):
        target = f"/{target}"
    default = _DEFAULT_PORTS[parts.scheme]
    host_value = f"[{host}]" if ":" in host else host
    if port is not None and port != default:
        host_value = f"{host_value}:{port}"
    return Origin(parts.scheme, host, port or default), target, host_value


def encode_head(request: UpstreamRequest, rest_of_line: str, length: int) -> bytes:
    """The request head, ready to be written.

    `rest_of_line` is everything between the method and the caller's headers: ` /path HTTP/1.1`, the Host line and
    their line ends. `length` is the body's size in bytes, or CHUNKED. Raises InvalidRequest.
    """
    method = request.method
    if method not in _BODY_EXPECTED and (not method or not _TOKEN.issuperset(method) or method == "CONNECT"):
        raise InvalidRequest("method cannot be used")
    text = method + rest_of_line
    lines = 3 + len(request.headers)  # request line, Host, blank
    given = 0
    for name, value in request.headers:
        kind = _names.get(name)
        if kind is None:
            kind = _check_name(name)
        given |= kind
        text += f"{name}: {value}\r\n"
    if not given & _ACCEPT_ENCODING:
        text += "accept-encoding: identity\r\n"
        lines += 1
    if not given & _USER_AGENT:
        text += f"user-agent: {USER_AGENT}\r\n"
        lines += 1
    if length == CHUNKED:
        text += "transfer-encoding: chunked\r\n\r\n"
        lines += 1
    elif length or method in _BODY_EXPECTED:
        text += f"content-length: {length}\r\n\r\n"
        lines += 1
    else:
        text += "\r\n"
    try:
        head = text.encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidRequest("a header value has characters outside latin-1") from None  # the cause quotes the value
    # One count over the whole head finds any line end that we did not write ourselves.
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise InvalidRequest("a header value contains CR, LF or NUL")
    return head


def _check_name(name: str) -> int:
    """Which of the fields that we send unasked a name is, 0 for others; remembers good names. Raises InvalidRequest."""
    if not name or not _TOKEN.issuperset(name):
        raise InvalidRequest("a header name is not a token")
    lowered = name.lower()
    if lowered in _OURS:
        raise InvalidRequest(f"header {lowered} is the transport's own business")
    if len(_names) >= _NAMES_KEPT:
        _names.clear()
    kind = _names[name] = _UNASKED.get(lowered, 0)
    return kind
