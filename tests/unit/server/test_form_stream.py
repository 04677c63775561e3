"""Forms that are read while they come in."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.server.form_stream import MAX_FIELD_BYTES, MAX_FIELDS, FormStream

KIND = "multipart/form-data; boundary=edge"


def part(name, value, filename=None, content_type=None):
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if content_type is not None:
        head += f"\r\nContent-Type: {content_type}"
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--edge--\r\n"
CONTENT = b"\r\n--edg\r\n\r--e\x00" * 100


def read(body, size=64 * 1024, kind=KIND):
    """What is before the file, its head, its content, and all fields at the end."""

    async def pieces():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async def main():
        form = FormStream(kind, pieces())
        file = await form.file()
        before = dict(form.fields)
        content = b"" if file is None else b"".join([data async for data in form.content()])
        await form.rest()
        return before, file, content, form.fields

    return asyncio.run(main())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 64 * 1024])
def test_it_may_be_cut_anywhere(size):
    body = part("purpose", b"batch") + part("file", CONTENT, "a.txt", "text/plain") + part("late", "é".encode()) + END
    before, file, content, fields = read(body, size)
    assert before["purpose"] == "batch"
    assert file == ("file", "a.txt", "text/plain")
    assert content == CONTENT
    assert fields == {"purpose": "batch", "late": "é"}


def test_no_file_and_an_empty_one():
    assert read(part("a", b"1") + END)[1:3] == (None, b"")
    assert read(part("file", b"", "e") + END)[1:3] == (("file", "e", None), b"")


def test_content_that_nobody_reads_is_skipped():
    async def pieces():
        yield part("file", CONTENT, "a") + part("after", b"1")
        yield END

    async def main():
        form = FormStream(KIND, pieces())
        assert await form.file() is not None
        await form.rest()
        assert form.fields == {"after": "1"}

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        part("a", b"1"),
        part("file", b"x", "a"),
        b"--edge\r\n\r\nno head\r\n" + END,
        b"--edge\r\nContent-Disposition: form-data\r\n\r\nno name\r\n" + END,
        part("a", b"x" * (MAX_FIELD_BYTES + 1)) + END,
        part("a", b"x") * (MAX_FIELDS + 1) + END,
        part("file", b"1", "a") + part("file", b"2", "b") + END,
        b"--edge\r\n" + b"x" * 100_000,
        b"--edge\r\n" + b"a: b\r\n" * 1000 + b"\r\n" + END,
    ],
)
def test_what_is_no_form_is_refused(body):
    with pytest.raises(BadRequestError):
        read(body)


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300]
)
def test_other_content_types_are_refused(kind):
    with pytest.raises(BadRequestError):
        read(b"{}", kind=kind)
