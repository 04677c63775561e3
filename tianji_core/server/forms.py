"""Reading multipart forms: the few routes that take files."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Upload
from tianji_core.api.provider import Body
from tianji_core.gateway.body import TYPES
from tianji_core.server.asgi import ClientDisconnected, too_large

MAX_FILES = 32
MAX_FIELDS = 256
MAX_FIELD_BYTES = 1024 * 1024


def is_form(headers: dict[bytes, bytes]) -> bool:
    """Whether a request's body is a form with files."""
    return headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")


async def read_form(scope: Scope, receive: Receive, headers: dict[bytes, bytes], limit: int) -> tuple[Body, FormData]:
    """A form as a body, and the form itself, to be closed when the call is over. Large files go to disk as they come.

    Raises BadRequestError, and RequestTooLargeError beyond `limit` bytes.
    """
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise too_large(limit)
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise too_large(limit)
        return message

    request = Request(scope, counted)
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    whole = False
    try:
        form = await parser.parse()
        whole = parser.ended
    except ClientDisconnect:
        raise ClientDisconnected from None
    except MultiPartException as error:
        raise BadRequestError(f"Invalid form in the request body: {error.message}", param="request_body") from None
    finally:
        if not whole:
            parser.close()
    if not whole:
        raise BadRequestError(
            "Invalid form in the request body: it ends before its last boundary.", param="request_body"
        )
    return _body(form), form


class _Parser(MultiPartParser):
    """Starlette's parser, which takes a form that breaks off for whole and forgets its files."""

    ended = False

    def on_end(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Close the files of a form that nobody will get."""
        for file in self._files_to_close_on_error:
            file.close()


def _body(form: FormData) -> Body:
    body: Body = {}
    for name, value in form.multi_items():
        item: Any = value
        if isinstance(value, UploadFile):
            item = Upload(
                value.filename or "file", value.content_type or "application/octet-stream", value.file, value.size or 0
            )
        if name.endswith("[]"):
            body.setdefault(name[:-2], []).append(item)
        elif name in body:
            body[name] = [*(body[name] if isinstance(body[name], list) else [body[name]]), item]
        else:
            body[name] = _converted(name, item)
    return body


def _converted(name: str, value: Any) -> Any:
    """Forms hold text only: what is no text in the normal form is read as JSON, if it is any."""
    types = TYPES.get(name)
    if types is None or str in types or name == "response_format" or not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return value  # the check of the body says what it should have been
