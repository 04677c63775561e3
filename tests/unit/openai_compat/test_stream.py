"""Decoding a stream in OpenAI's shape."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import BadGatewayError, RateLimitError, ServiceUnavailableError
from tianji_core.openai_compat import OpenAIStreamDecoder
from tianji_core.openai_compat.errors import parse_error
from tianji_core.testing.openai_samples import ERROR_STREAM, STREAMS


def decoder(**named):
    return OpenAIStreamDecoder(lambda status, headers, body: parse_error(status, headers, body, "p"), **named)


def run(data, size=None, **named):
    found = decoder(**named)
    pieces = [data] if size is None else [data[i : i + size] for i in range(0, len(data), size)]
    chunks = [chunk for piece in pieces for chunk in found.feed(piece)] + found.finish()
    return found, chunks


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_every_cut_gives_the_same(name, size):
    whole, chunks = run(STREAMS[name])
    assert whole.complete
    assert whole.error is None
    cut, again = run(STREAMS[name], size)
    assert again == chunks
    assert cut.complete


def test_complete_without_done_after_a_finish_reason_only():
    without = STREAMS["chat"].replace(b"data: [DONE]\n\n", b"")
    assert run(without)[0].complete
    begun = b"\n\n".join(STREAMS["chat"].split(b"\n\n")[:2]) + b"\n\n"
    found, chunks = run(begun)
    assert not found.complete
    assert found.error is None
    assert len(chunks) == 2


def test_errors_inside():
    found, chunks = run(ERROR_STREAM)
    assert isinstance(found.error, RateLimitError)
    assert len(chunks) == 2
    found, _ = run(b'event: error\ndata: {"message": "m"}\n\n')
    assert found.error.message == "m"
    found, _ = run(b'data: {"error": {"message": "m", "code": "503"}}\n\n')
    assert isinstance(found.error, ServiceUnavailableError)
    found, _ = run(b'data: {"error": {"message": "m", "type": "x"}, "status_code": 429}\n\n')
    assert isinstance(found.error, RateLimitError)
    found, _ = run(b'data: {"error": {"message": "m", "type": "too_many_requests_error"}, "status_code": null}\n\n')
    assert isinstance(found.error, RateLimitError)
    found, chunks = run(b'data: {"error": null, "choices": []}\n\ndata: [DONE]\n\n')
    assert found.error is None
    assert len(chunks) == 1


@pytest.mark.parametrize(
    "data",
    [
        "x",
        "[]",
        "5",
        "null",
        '"s"',
        "{",
        '{"choices": 5}',
        '{"choices": "x"}',
        '{"choices": {"a": 1}}',
        '{"choices": true}',
    ],
)
def test_junk_is_an_error_not_an_exception(data):
    found, chunks = run(f"data: {data}\n\ndata: [DONE]\n\n".encode())
    assert isinstance(found.error, BadGatewayError)
    assert chunks == []


@pytest.mark.parametrize("choices", ["null", "[]", "[null]", "[5]", '[{"finish_reason": 5}]', '[{"delta": null}]'])
def test_odd_choices_are_passed_on(choices):
    found, chunks = run(f'data: {{"choices": {choices}}}\n\n'.encode())
    assert found.error is None
    assert chunks == [{"choices": json.loads(choices)}]


def test_nothing_after_done():
    _, chunks = run(STREAMS["chat"] + b'data: {"choices": []}\n\n')
    assert chunks == run(STREAMS["chat"])[1]


def test_patches():
    def patch(chunk):
        chunk["patched"] = True

    _, chunks = run(STREAMS["chat"], patch_chunk=patch)
    assert all(chunk["patched"] for chunk in chunks)


def test_too_large():
    found = decoder()
    found.feed(b"data: " + b"x" * (17 * 1024 * 1024))
    assert isinstance(found.error, BadGatewayError)
