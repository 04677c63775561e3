"""Header fields of answers, checked once for the servers, which would look at every byte of every one anew."""

from __future__ import annotations

import re

RawHeader = tuple[bytes, bytes]

_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-z]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({b"transfer-encoding", b"connection"})
_PRINTABLE = bytes(32 if number < 32 or number == 127 else number for number in range(256))
_names: set[bytes] = set()
_NAMES_KEPT = 2048


def are_plain(fields: list[RawHeader]) -> bool:
    """Whether a server may write the fields as they are: names in lower case, nothing odd in names or values, and of
    framing nothing but at most one length.
    """
    if _CONTROLS.search(b"".join([value for _, value in fields])) is not None:
        return False
    for name, _ in fields:
        if name not in _names:
            if name in _FRAMING or _TOKEN.fullmatch(name) is None:
                return False
            if len(_names) >= _NAMES_KEPT:
                _names.clear()
            _names.add(name)
    lengths = [value for name, value in fields if name == b"content-length"]
    return not lengths or (len(lengths) == 1 and lengths[0].isdigit())


def fields_of(lines: bytes) -> list[RawHeader]:
    """The fields of lines that each end with CRLF."""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])]


def lines_of(fields: list[RawHeader]) -> bytes:
    """The other way round."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def value_of(text: str) -> bytes:
    """Text as a field value: no control characters, whatever a client or vendor put into a name."""
    return text.encode("latin-1", "replace").translate(_PRINTABLE).strip()
