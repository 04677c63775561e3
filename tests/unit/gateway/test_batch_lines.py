"""Reading the lines of a batch's input, however its pieces are cut."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tianji_core.gateway.batches import lines as batch_lines
from tianji_core.gateway.batches.lines import Check, read_lines


def read(parts):
    async def source():
        for part in parts:
            yield part

    async def main():
        return [each async for each in read_lines(source())]

    return asyncio.run(main())


@given(st.lists(st.binary(max_size=12), max_size=8), st.data())
def test_lines_are_the_same_however_the_file_is_cut(texts, data):
    content = b"\n".join(texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    expected = [(n, text) for n, text in enumerate(content.split(b"\n"), 1) if text.strip()]
    assert read(parts) == expected


def test_a_line_that_is_too_long_is_not_held(monkeypatch):
    monkeypatch.setattr(batch_lines, "MAX_LINE", 10)
    found = read([b"x" * 8] * 50 + [b"\nshort\n"])
    assert found[1] == (2, b"short")
    assert len(found[0][1]) < 30
    check = Check("/v1/embeddings", 5)
    check.line(*found[0])
    assert check.errors[0]["code"] == "line_too_long"


def test_no_more_errors_than_anybody_reads():
    check = Check("/v1/embeddings", 10_000)
    for number in range(1, 500):
        if check.ended:
            break
        check.line(number, b"{")
    assert len(check.errors) == batch_lines.MAX_ERRORS
