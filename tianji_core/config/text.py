"""Bytes of a file to text: UTF-8 and printable, or an error that says where it is not."""

from __future__ import annotations

import json
import re

from tianji_core.config.report import failure

MAX_BYTES = 10 * 1024 * 1024

# What YAML 1.1 allows in a stream.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# JSON writes characters beyond U+FFFF as two escapes, which YAML does not know.
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")


def decode(raw: bytes, file: str) -> str:
    """UTF-8 text; a clear error for what no config holds: other encodings, NUL, control characters."""
    if len(raw) > MAX_BYTES:
        raise failure("size", file, f"the file is larger than {MAX_BYTES // 2**20} MB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise failure("encoding", f"{file}:{line}", message, hint="Save the file as UTF-8.") from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        what = "a NUL character" if bad.group() == "\0" else f"the control character U+{ord(bad.group()):04X}"
        raise failure("encoding", f"{file}:{line}:{column}", f"{what} is not allowed in YAML")
    if text.lstrip().startswith(("{", "[")):
        text = _SURROGATES.sub(lambda match: match[1] + json.loads(f'"{match[2]}"'), text)
    return text
