"""Forms with files, as OpenAI's audio and image endpoints take them (RFC 7578)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson

Part = tuple[str, str, str, bytes]
"""A file of a form: field name, file name, media type, content."""


def encode_form(fields: Iterable[tuple[str, object]], files: Iterable[Part] = ()) -> tuple[str, bytes]:
    """The content type and the body of a form. Values that are no text are written as JSON, booleans in small letters.

    The boundary is a digest of the content: the same form is the same bytes, and no content can hold it by chance.
    """
    blocks = [_head(name) + b"\r\n\r\n" + _text(value) for name, value in fields]
    blocks += [
        _head(name, filename) + b"\r\ncontent-type: " + _clean(content_type) + b"\r\n\r\n" + data
        for name, filename, content_type, data in files
    ]
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    boundary = b"tianji-" + digest.hexdigest()[:40].encode()
    body = b"".join(b"--" + boundary + b"\r\n" + block + b"\r\n" for block in blocks)
    return f"multipart/form-data; boundary={boundary.decode()}", body + b"--" + boundary + b"--\r\n"


def open_form(
    boundary: str, fields: Iterable[tuple[str, object]], name: str, filename: str, content_type: str
) -> tuple[str, bytes, bytes]:
    """A form whose last part is a file that is not at hand: its content type, what stands before the file, and after.

    Nobody may be able to guess the boundary, or a file could end the form.
    """
    line = b"--" + boundary.encode() + b"\r\n"
    blocks = [line + _head(field) + b"\r\n\r\n" + _text(value) + b"\r\n" for field, value in fields]
    head = line + _head(name, filename) + b"\r\ncontent-type: " + _clean(content_type) + b"\r\n\r\n"
    tail = b"\r\n--" + boundary.encode() + b"--\r\n"
    return f"multipart/form-data; boundary={boundary}", b"".join(blocks) + head, tail


def _head(name: str, filename: str | None = None) -> bytes:
    head = b'content-disposition: form-data; name="' + _quoted(name) + b'"'
    return head if filename is None else head + b'; filename="' + _quoted(filename) + b'"'


def _quoted(text: str) -> bytes:
    """A name in quotes, escaped as browsers do (WHATWG HTML, "multipart/form-data encoding algorithm")."""
    text = text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    return text.encode("utf-8", "replace")


def _clean(content_type: str) -> bytes:
    return content_type.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return orjson.dumps(value)
