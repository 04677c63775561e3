"""Forms with files, as OpenAI's audio and image endpoints take them (RFC 7578)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from typing import Protocol

import orjson

_SECRET = secrets.token_bytes(16)

IN_MEMORY = 256 * 1024
"""A form with more bytes in its files is not put together in memory."""


class Content(Protocol):
    """A file that is read piece by piece, as often as need be."""

    @property
    def size(self) -> int: ...
    def pieces(self) -> Iterator[bytes]: ...


Part = tuple[str, str, str, bytes | Content]
"""A file of a form: field name, file name, media type, content."""


class Form:
    """A form with large files: its size is known, its bytes come piece by piece."""

    def __init__(self, blocks: list[bytes | Content], size: int) -> None:
        self._blocks = blocks
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if isinstance(block, bytes):
                yield block
            else:
                yield from block.pieces()


def encode_form(fields: Iterable[tuple[str, object]], files: Iterable[Part] = ()) -> tuple[str, bytes | Form]:
    """The content type and the body of a form. Values that are no text are written as JSON, booleans in small letters.

    The boundary is made of what is in the form and of a secret of this process: the same form is the same bytes, and
    nobody who sends us a file can have put the boundary into it.
    """
    heads = [_head(name) + b"\r\n\r\n" + _text(value) for name, value in fields]
    contents: list[bytes | Content] = [b""] * len(heads)
    for name, filename, content_type, data in files:
        heads.append(_head(name, filename) + b"\r\ncontent-type: " + _clean(content_type) + b"\r\n\r\n")
        contents.append(data)
    digest = hashlib.blake2b(key=_SECRET, digest_size=20)
    for head, content in zip(heads, contents, strict=True):
        digest.update(b"%d %d " % (len(head), _size(content)) + head)
        digest.update(content if isinstance(content, bytes) else next(content.pieces(), b""))
    boundary = b"tianji-" + digest.hexdigest().encode()
    blocks: list[bytes | Content] = []
    for head, content in zip(heads, contents, strict=True):
        blocks += [b"--" + boundary + b"\r\n" + head, content, b"\r\n"]
    blocks.append(b"--" + boundary + b"--\r\n")
    form = Form(blocks, sum(map(_size, blocks)))
    written = b"".join(form) if sum(map(_size, contents)) <= IN_MEMORY else form
    return f"multipart/form-data; boundary={boundary.decode()}", written


def _size(content: bytes | Content) -> int:
    return len(content) if isinstance(content, bytes) else content.size


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
