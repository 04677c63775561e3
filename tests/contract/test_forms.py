"""Forms that are too much, or are none: a quick 4xx, whatever they hold."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tianji_core.server.forms import MAX_FIELD_BYTES, MAX_FIELDS, MAX_FILES
from tianji_core.testing import Answer

PATH = "/v1/audio/transcriptions"
BOUNDARY = "edge"


def part(name, value=b"", filename=None, content_type="audio/wav", boundary=BOUNDARY):
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"\r\ncontent-type: {content_type}'
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
GOOD = part("model", b"m") + part("file", b"\x00" * 10, "a.wav")


@pytest.fixture
def post(serving, fake_upstream, row):
    def run(body, content_type=f"multipart/form-data; boundary={BOUNDARY}", *, pieces=1, within=2.0, **general):
        fake_upstream.answer(Answer.json({"text": "Hello."}))
        size = max(1, -(-len(body) // pieces))
        content = [body[i : i + size] for i in range(0, len(body), size)] or [b""]

        async def main():
            async with serving({"model_list": [row(fake_upstream)], "general_settings": general}) as client:
                began = time.monotonic()
                answer = await client.request("POST", PATH, content=content, headers={"content-type": content_type})
                return answer, time.monotonic() - began

        answer, took = asyncio.run(main())
        assert took < within
        return answer

    return run


def refused(answer, status=400):
    assert answer.status == status, answer.body[:300]
    assert answer.error["message"]


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_a_good_form(post, fake_upstream, pieces):
    assert post(GOOD + END, pieces=pieces).status == 200
    assert b"\x00" * 10 in fake_upstream.requests[0].body


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=a; boundary=b",
        'multipart/form-data; boundary="',
        "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary=" + "x" * 60_000,
        "multipart/form-data; boundary=" + "-" * 60_000,
        "multipart/form-data; " + "a=b; " * 10_000,
    ],
)
def test_boundaries_that_are_none(post, fake_upstream, content_type):
    refused(post(GOOD + END, content_type))
    assert not fake_upstream.requests


def test_a_boundary_of_a_megabyte(post):
    boundary = "x" * 1024 * 1024
    body = part("model", b"m", boundary=boundary) + f"--{boundary}--\r\n".encode()
    assert 400 <= post(body, f"multipart/form-data; boundary={boundary}").status < 500


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        END,
        GOOD,
        GOOD[:-5],
        b"not a form at all",
        b"x" * 1_000_000,
        b"\r\n" * 500_000,
        b"--edge" * 100_000,
        b"-" * 1_000_000,
        b"--edge\r\n" * 100_000,
        b"--edge\r\n\r\n" + b"\r\n--edg" * 100_000,
        b"--edge\r\ncontent-disposition: form-data\r\n\r\nx\r\n" + END,
        b'--edge\r\ncontent-disposition: form-data; name="' + b"a" * 500_000 + b'"\r\n\r\nx\r\n' + END,
        b"--edge\r\n" + b"x-a: b\r\n" * 100_000 + b"\r\n\r\n" + END,
        b"--edge\r\nx: " + b"a" * 1_000_000,
        b"--edge\r\n: \r\n\r\n" + END,
        b"--edge\r\nno colon here\r\n\r\n" + END,
        os.urandom(100_000),
    ],
    ids=range(19),
)
def test_bodies_that_are_none(post, fake_upstream, body):
    for pieces in (1, 100):
        answer = post(body, pieces=pieces)
        assert 400 <= answer.status < 500, answer.body[:300]
    assert not fake_upstream.requests


def test_a_form_that_breaks_off_is_none(post, fake_upstream):
    """Were it taken, an optional part such as a mask could be missing without anybody noticing."""
    cut = GOOD + part("prompt", b"A long pro")
    for body in (cut[:-2], cut, cut + b"--edge", cut + b"--edge-"):
        answer = post(body)
        refused(answer)
        assert "last boundary" in answer.error["message"]
    assert not fake_upstream.requests


@pytest.mark.parametrize("tail", [b"-" * 1_000_000, b"\r\n" * 500_000, b"--edge--\r\n" * 100_000, b"x" * 1_000_000])
def test_what_follows_the_end_costs_nothing(post, tail):
    """The epilogue of RFC 2046 §5.1.1: to be left alone, however long."""
    for pieces in (1, 1000):
        assert post(GOOD + b"--edge--" + tail, pieces=pieces).status in (200, 400)


def test_dashes_within_a_file(post, fake_upstream):
    data = b"\r\n--edg" * 50_000 + b"-" * 200_000
    assert post(part("model", b"m") + part("file", data, "a.wav") + END, pieces=50).status == 200
    assert data in fake_upstream.requests[0].body


@pytest.mark.parametrize(
    ("parts", "many"),
    [
        (part("a", b"1"), MAX_FIELDS + 1),
        (part("f", b"1", "a.wav"), MAX_FILES + 1),
        (part("a", b"1"), 100_000),
        (part("f", b"", "a.wav"), 20_000),
    ],
)
def test_too_many_parts(post, fake_upstream, parts, many):
    refused(post(parts * many + END, pieces=20))
    assert not fake_upstream.requests


def test_as_many_parts_as_may_be(post):
    fields = b"".join(part(f"x{i}", b"1") for i in range(MAX_FIELDS - 1))
    assert post(GOOD + fields + END).status == 200


def test_a_field_that_is_too_large(post):
    refused(post(GOOD + part("prompt", b"a" * (MAX_FIELD_BYTES + 1)) + END, pieces=20))
    assert post(GOOD + part("prompt", b"a" * MAX_FIELD_BYTES) + END, pieces=20).status == 200


def test_a_form_that_is_too_large(post, fake_upstream):
    body = part("model", b"m") + part("file", b"a" * 2_000_000, "a.wav") + END
    refused(post(body, pieces=20, max_request_size_mb=1), 413)
    assert not fake_upstream.requests


@pytest.mark.parametrize("length", ["99999999", "1" * 400])
def test_a_form_that_says_it_is_too_large(serving, row, fake_upstream, length):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "content-length": length}
            exchange = client.open("POST", PATH, content=GOOD, headers=headers, hold_body=True)
            return await asyncio.wait_for(exchange.finished(), 2)

    refused(asyncio.run(main()), 413)


def test_a_field_where_a_file_has_to_be(post):
    refused(post(part("model", b"m") + part("file", b"text") + END))
    refused(post(part("model", b"", "m.txt") + part("file", b"x", "a.wav") + END))


def test_a_client_that_leaves_within_a_form(serving, row, fake_upstream):
    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
            exchange = client.open("POST", PATH, content=GOOD, headers=headers, hold_body=True)
            await asyncio.sleep(0.05)
            exchange.hang_up()
            await asyncio.wait_for(exchange.task, 1)
            assert exchange.answer is None

    asyncio.run(main())
    assert not fake_upstream.requests
