"""Images, audio, rerank and moderations: forms in, JSON or bytes out."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer, openai_samples

BOUNDARY = "kit-boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
AUDIO = bytes(range(256)) * 8


def form(*fields: tuple[str, str | tuple[str, bytes]]) -> bytes:
    body = b""
    for name, value in fields:
        body += f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"'.encode()
        if isinstance(value, tuple):
            body += f'; filename="{value[0]}"\r\ncontent-type: audio/wav\r\n\r\n'.encode() + value[1]
        else:
            body += b"\r\n\r\n" + value.encode()
        body += b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def post(serving, fake_upstream, row):
    def send(path, body, headers=None, **config):
        async def main():
            async with serving({"model_list": [row(fake_upstream)], **config}) as client:
                named = {"content": body} if isinstance(body, bytes) else {"json": body}
                return await client.request("POST", path, headers=headers or {}, **named)

        return asyncio.run(main())

    return send


def test_a_transcription_is_a_form_both_ways(post, fake_upstream):
    fake_upstream.answer(Answer.json({"text": "Hello.", "usage": {"type": "duration", "seconds": 1}}))
    body = form(
        ("file", ("../../etc/passwd", AUDIO)),
        ("model", "m"),
        ("temperature", "0.2"),
        ("language", "de"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
    )
    answer = post("/v1/audio/transcriptions", body, FORM)
    assert answer.status == 200, answer.body
    assert answer.json()["text"] == "Hello."
    (request,) = fake_upstream.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert AUDIO in request.body
    for piece in (b'name="model"\r\n\r\nup-1', b'name="temperature"\r\n\r\n0.2', b'name="language"\r\n\r\nde'):
        assert piece in request.body
    assert request.body.count(b'name="timestamp_granularities[]"') == 2


def test_a_form_is_sent_whole_with_each_attempt(post, fake_upstream):
    fake_upstream.answer(Answer.json({"error": {"message": "busy"}}, status=503), Answer.json({"text": "Hello."}))
    answer = post(
        "/v1/audio/translations",
        form(("file", ("a.wav", AUDIO)), ("model", "m")),
        FORM,
        router_settings={"num_retries": 1},
    )
    assert answer.status == 200, answer.body
    assert [AUDIO in request.body for request in fake_upstream.requests] == [True, True]


@pytest.mark.parametrize("kind", ["text", "srt", "vtt"])
def test_a_transcription_may_be_plain_text(post, fake_upstream, kind):
    fake_upstream.answer(Answer.text("1\n00:00 --> 00:01\nHello.\n", content_type="text/plain; charset=utf-8"))
    body = form(("file", ("a.wav", AUDIO)), ("model", "m"), ("response_format", kind))
    answer = post("/v1/audio/transcriptions", body, FORM)
    assert (answer.status, answer.body) == (200, b"1\n00:00 --> 00:01\nHello.\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_transcription_may_be_streamed(post, fake_upstream):
    events = b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\ndata: {"type":"transcript.text.done"}\n\n'
    fake_upstream.answer(Answer.text(events, content_type="text/event-stream"))
    body = form(("file", ("a.wav", AUDIO)), ("model", "m"), ("stream", "true"))
    answer = post("/v1/audio/transcriptions", body, FORM)
    assert (answer.status, answer.body) == (200, events)
    assert answer.headers["content-type"] == "text/event-stream"


def test_speech_comes_as_its_bytes_come(post, fake_upstream):
    pieces = (openai_samples.AUDIO, 0.01, b"\x00" * 5000)
    fake_upstream.answer(Answer(headers=(("content-type", "audio/mpeg"),), pieces=pieces))
    answer = post("/v1/audio/speech", {"model": "m", "input": "Hello", "voice": "alloy"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.body == openai_samples.AUDIO + b"\x00" * 5000
    assert fake_upstream.requests[0].json() == {"model": "up-1", "input": "Hello", "voice": "alloy"}


@pytest.mark.parametrize(
    ("path", "body", "sample"),
    [
        ("/v1/images/generations", {"prompt": "A cat", "n": 1}, "images"),
        ("/v1/moderations", {"input": ["bread"]}, "moderations"),
        ("/v1/rerank", {"query": "bread", "documents": ["a", {"text": "b"}]}, "rerank"),
        ("/v2/rerank", {"query": "bread", "documents": ["a", "b"]}, "rerank"),
        ("/rerank", {"query": "bread", "documents": ["a", "b"]}, "rerank"),
    ],
)
def test_json_operations(post, fake_upstream, path, body, sample):
    fake_upstream.answer(Answer.json(openai_samples.RESPONSES[sample]))
    answer = post(path, {"model": "m", **body})
    assert answer.status == 200, answer.body
    assert answer.json() == openai_samples.RESPONSES[sample]
    assert fake_upstream.requests[0].json() == {"model": "up-1", **body}


def test_a_rerank_without_an_id_gets_one(post, fake_upstream):
    results = [{"index": 1, "relevance_score": 0.9}]
    fake_upstream.answer(Answer.json({"model": "up-1", "results": results, "usage": {"total_tokens": 7}}))
    answer = post("/v1/rerank", {"model": "m", "query": "bread", "documents": ["a", "b"]}).json()
    assert len(answer.pop("id")) == 36
    assert answer == {"results": results, "meta": {"billed_units": {"total_tokens": 7}, "tokens": {"input_tokens": 7}}}


def test_images_without_a_time_get_one(post, fake_upstream):
    fake_upstream.answer(Answer.json({"object": "list", "data": [{"index": 0, "b64_json": "aW1hZ2U="}]}))
    assert post("/v1/images/generations", {"model": "m", "prompt": "A cat"}).json()["created"] > 1_700_000_000


def test_images_are_edited_by_a_form(post, fake_upstream):
    fake_upstream.answer(Answer.json(openai_samples.RESPONSES["images"]))
    body = form(("image[]", ("a.png", b"one")), ("image[]", ("b.png", b"two")), ("prompt", "x"), ("model", "m"))
    answer = post("/v1/images/edits", body, FORM)
    assert answer.status == 200, answer.body
    assert fake_upstream.requests[0].body.count(b'name="image[]"') == 2


@pytest.mark.parametrize(
    ("body", "headers", "status", "param"),
    [
        (form(("model", "m")), FORM, 400, "file"),
        (form(("file", "no file"), ("model", "m")), FORM, 400, "file"),
        (json.dumps({"model": "m", "file": "x"}).encode(), {}, 400, "file"),
        (b"--kit-boundary\r\nnonsense", FORM, 400, None),
        (b"", {"content-type": "multipart/form-data"}, 400, None),
        (form(("file", ("a", b"x")), ("model", "m"), ("temperature", "warm")), FORM, 400, "temperature"),
        (form(*[("file", ("a", b"x"))] * 40), FORM, 400, None),
        (form(*[(f"f{i}", "x") for i in range(300)]), FORM, 400, None),
        (form(("file", ("a", b"x")), ("model", "m"), ("api_base", "http://evil")), FORM, 401, None),
        (form(("file", ("a", b"x" * 2_000_000)), ("model", "m")), FORM, 413, None),
    ],
)
def test_bad_forms_are_refused(post, fake_upstream, body, headers, status, param):
    answer = post("/v1/audio/transcriptions", body, headers, general_settings={"max_request_size_mb": 1})
    assert answer.status == status, answer.body
    if param:
        assert answer.json()["error"]["param"] == param
    assert not fake_upstream.requests


def test_audio_that_breaks_off_is_not_taken_for_whole(serving, fake_upstream, row):
    whole = Answer(headers=(("content-type", "audio/mpeg"),), pieces=(b"one", 0.02, b"two"), cut_at=3)
    fake_upstream.answer(whole)

    async def main():
        async with serving({"model_list": [row(fake_upstream)]}) as client:
            return await client.post("/v1/audio/speech", {"model": "m", "input": "Hello", "voice": "alloy"})

    with pytest.raises(Exception):  # noqa: B017 - whatever the server makes of it, it is no end of a good answer
        asyncio.run(main())
