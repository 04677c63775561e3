"""Forms with a file that is not held: it is handed on while it comes in (RFC 7578)."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tianji_core.api.errors import BadRequestError

MAX_FIELDS = 64
MAX_FIELD_BYTES = 1024 * 1024


class FilePart(NamedTuple):
    """The head of a file in a form."""

    name: str
    filename: str
    content_type: str | None


class FormStream:
    """A form, read in the order in which it comes.

    form = FormStream(content_type, parts)
    file = await form.file()            # what stands before it is in form.fields
    async for data in form.content(): …
    await form.rest()                   # what stands after it is there too

    Everything raises BadRequestError for what is no form, and whatever `parts` raises.
    """

    def __init__(self, content_type: str, parts: AsyncIterator[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadRequestError(
                "The request body must be multipart/form-data, with a boundary.", param="request_body"
            )
        self.fields: dict[str, str] = {}
        """The fields so far; of several with one name the last counts."""
        self._parts = parts
        self._ended = False
        self._heads: list[tuple[bytes, bytes]] = []
        self._header = [b"", b""]
        self._file: FilePart | None = None
        self._field: bytearray | None = None
        self._name = ""
        self._count = 0
        self._events: deque[FilePart | bytes | None] = deque()
        """A file's head, pieces of its content, and None for its end."""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begin,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_end,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _invalid(str(error)) from None

    async def file(self) -> FilePart | None:
        """Read on to the next file; None if there is none. What is unread of the last one is skipped."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, FilePart):
                    return event
            if not await self._read():
                return None

    async def content(self) -> AsyncIterator[bytes]:
        """The content of the file whose head was read last."""
        while True:
            while self._events:
                event = self._events.popleft()
                if event is None:
                    return
                if isinstance(event, bytes):
                    yield event
            if not await self._read():
                raise _invalid("it ends before its last boundary.")

    async def rest(self) -> None:
        """Read to the end. Raises BadRequestError if there is another file."""
        if await self.file() is not None:
            raise BadRequestError("One file at a time, please.", param="file")

    async def _read(self) -> bool:
        """Read a bit more; False at the end of the form."""
        async for data in self._parts:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise _invalid(str(error)) from None
            if self._events:
                return True
        if not self._ended:
            raise _invalid("it ends before its last boundary.")
        return False

    # -- what the parser calls -----------------------------------------------------------------------------------

    def _part_begin(self) -> None:
        self._heads = []
        self._file = self._field = None
        self._count += 1
        if self._count > MAX_FIELDS:
            raise _invalid("it has too many fields.")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        self._heads.append((self._header[0].lower(), self._header[1]))
        self._header = [b"", b""]

    def _headers_finished(self) -> None:
        heads = dict(self._heads)
        _, options = parse_options_header(heads.get(b"content-disposition", b""))
        if b"name" not in options:
            raise _invalid("a part has no name.")
        self._name = _text(options[b"name"])
        if b"filename" in options:
            content_type = heads.get(b"content-type")
            kind = content_type.decode("latin-1") if content_type is not None else None
            self._file = FilePart(self._name, _text(options[b"filename"]), kind)
            self._events.append(self._file)
        else:
            self._field = bytearray()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._events.append(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > MAX_FIELD_BYTES:
            raise _invalid(f"field {self._name[:60]!r} is too long.")

    def _part_end(self) -> None:
        if self._field is None:
            self._events.append(None)
        else:
            self.fields[self._name] = _text(bytes(self._field))

    def _end(self) -> None:
        self._ended = True


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _invalid(why: str) -> BadRequestError:
    return BadRequestError(f"Invalid form in the request body: {why}", param="request_body")
