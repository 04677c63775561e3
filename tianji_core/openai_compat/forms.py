"""Bodies that OpenAI takes as forms: audio to transcribe, images to change."""

from __future__ import annotations

from collections.abc import Iterator

from tianji_core.api.http import Upload
from tianji_core.api.provider import Body
from tianji_core.wire.multipart import Form, Part, encode_form

_LISTS = frozenset({"include", "known_speaker_names", "known_speaker_references", "timestamp_granularities"})
"""Members that OpenAI's forms write as `name[]`, once for each item."""


def encode_body(body: Body) -> tuple[str, bytes | Form]:
    """Content type and bytes of a body as a form; nulls are left out, several files become `name[]`."""
    return encode_form(list(_fields(body)), list(_files(body)))


def _fields(body: Body) -> Iterator[tuple[str, object]]:
    for name, value in body.items():
        if name in _LISTS and isinstance(value, list):
            for item in value:
                yield f"{name}[]", item
        elif value is not None and not _uploads(value):
            yield name, value


def _files(body: Body) -> Iterator[Part]:
    for name, value in body.items():
        uploads = _uploads(value)
        field = f"{name}[]" if len(uploads) > 1 else name
        for upload in uploads:
            yield field, upload.filename, upload.content_type, upload


def _uploads(value: object) -> list[Upload]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, Upload)]
