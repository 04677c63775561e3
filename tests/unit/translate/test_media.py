"""Data URIs, and files that are fetched and put in their place."""

from __future__ import annotations

import asyncio
import base64
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Media
from tianji_core.translate.media import MAX_DOWNLOADS, data_uri, inline_media, needs_download, parse_data_uri


class FakeNetwork:
    def __init__(self):
        self.asked = []

    async def download(self, url, *, limit=0):
        self.asked.append(url)
        if "refused" in url:
            raise BadRequestError("A file named in the messages could not be fetched.", param="messages")
        return Media("image/png", url.encode())


def everything(url):
    return True


def inlined(messages, wanted=everything):
    network = FakeNetwork()
    return asyncio.run(inline_media(messages, network, wanted)), network.asked


@given(st.binary(), st.sampled_from(["image/png", "application/pdf", "text/plain"]))
def test_a_data_uri_comes_back(data, kind):
    found = parse_data_uri(data_uri(kind, data))
    assert (found.content_type, found.decode()) == (kind, data)


@pytest.mark.parametrize(
    ("url", "kind", "data"),
    [
        ("data:,Hello%2C%20you", "text/plain", b"Hello, you"),
        ("DATA:image/PNG;base64,AAE=", "image/png", b"\x00\x01"),
        ("data:image/png;charset=utf-8; BASE64 ,AAE=", "image/png", b"\x00\x01"),
        ("data:text/html;charset=utf-8,%3Cb%3E", "text/html", b"<b>"),
        ("data:;base64,AAE=", "text/plain", b"\x00\x01"),
        ("data:image/png;base64,", "image/png", b""),
        ("data:", "text/plain", b""),
        ("data:image/svg+xml;base64,PHN2Zy8+", "image/svg+xml", b"<svg/>"),
    ],
)
def test_forms_of_data_uris(url, kind, data):
    found = parse_data_uri(url)
    assert (found.content_type, found.decode()) == (kind, data)


@pytest.mark.parametrize("url", ["", "https://a.test/b", "dat:a", "data", " data:,a"])
def test_what_is_none(url):
    assert parse_data_uri(url) is None


@pytest.mark.parametrize("data", ["A", "!!!!", "AAE", "AA E=", "天"])
def test_what_is_no_base64(data):
    with pytest.raises(BadRequestError):
        parse_data_uri(f"data:image/png;base64,{data}").decode()


def chat(*parts):
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": list(parts)}]


TEXT = {"type": "text", "text": "see https://a.test/x.png"}


@pytest.mark.parametrize(
    ("part", "put_in"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a.test/x", "detail": "low"}},
            {"type": "image_url", "image_url": {"detail": "low", "url": "!"}},
        ),
        ({"type": "image_url", "image_url": "https://a.test/x"}, {"type": "image_url", "image_url": {"url": "!"}}),
        (
            {"type": "file", "file": {"file_id": "https://a.test/x", "filename": "f"}},
            {"type": "file", "file": {"filename": "f", "file_data": "!"}},
        ),
        ({"type": "file", "file": {"file_url": "https://a.test/x"}}, {"type": "file", "file": {"file_data": "!"}}),
        (
            {"type": "video_url", "video_url": {"url": "https://a.test/x"}},
            {"type": "video_url", "video_url": {"url": "!"}},
        ),
        (
            {"type": "audio_url", "audio_url": {"url": "https://a.test/x"}},
            {"type": "audio_url", "audio_url": {"url": "!"}},
        ),
    ],
)
def test_files_are_put_in_their_place(part, put_in):
    messages = chat(TEXT, part)
    before = copy.deepcopy(messages)
    assert needs_download(messages, everything)
    found, asked = inlined(messages)
    assert asked == ["https://a.test/x"]
    uri = data_uri("image/png", b"https://a.test/x")
    kind = put_in["type"]
    wanted = {**put_in, kind: {k: uri if v == "!" else v for k, v in put_in[kind].items()}}
    assert found[1]["content"] == [TEXT, wanted]
    assert found[0] is messages[0]
    assert found[1]["content"][0] is TEXT
    assert messages == before, "what the caller holds was changed"


def test_a_format_that_is_named_wins():
    found, _ = inlined(chat({"type": "image_url", "image_url": {"url": "https://a.test/x", "format": "image/webp"}}))
    assert found[1]["content"][0]["image_url"]["url"].startswith("data:image/webp;base64,")


@pytest.mark.parametrize(
    "part",
    [
        TEXT,
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAE="}},
        {"type": "file", "file": {"file_id": "file-123"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAE="}},
        {"type": "image_url", "image_url": {}},
        {"type": "image_url", "image_url": None},
        {"type": "image_url", "image_url": {"url": 5}},
        {"type": "input_audio", "input_audio": {"data": "https://a.test"}},
        {"type": ["image_url"]},
        {},
        "text",
        None,
    ],
)
def test_everything_else_stays_as_it_is(part):
    messages = chat(part)
    assert not needs_download(messages, lambda url: url.startswith("https://"))
    found, asked = inlined(messages, lambda url: url.startswith("https://"))
    assert asked == []
    assert all(new is old for new, old in zip(found, messages, strict=True))


@pytest.mark.parametrize(
    "messages", [[], [None], ["x"], [{"role": "user"}], [{"content": {"a": 1}}], [{"content": None}]]
)
def test_messages_of_any_shape(messages):
    assert inlined(messages) == (messages, [])
    assert not needs_download(messages, everything)


def test_only_what_is_wanted_is_fetched():
    parts = [{"type": "image_url", "image_url": {"url": f"{scheme}://a.test/x"}} for scheme in ("https", "gs", "s3")]
    found, asked = inlined(chat(*parts), lambda url: url.startswith("https:"))
    assert asked == ["https://a.test/x"]
    assert found[1]["content"][1:] == parts[1:]


def test_the_same_address_is_fetched_once():
    part = {"type": "image_url", "image_url": {"url": "https://a.test/x"}}
    found, asked = inlined([*chat(part, part), *chat(part)])
    assert asked == ["https://a.test/x"]
    contents = [each["content"][0] for each in found if isinstance(each["content"], list)]
    assert all(base64.b64decode(c["image_url"]["url"].partition(",")[2]) == b"https://a.test/x" for c in contents)


def test_too_many_are_refused():
    parts = [{"type": "image_url", "image_url": {"url": f"https://a.test/{i}"}} for i in range(MAX_DOWNLOADS + 1)]
    inlined(chat(*parts[:-1]))
    with pytest.raises(BadRequestError, match="More than 50"):
        inlined(chat(*parts))


def test_a_refusal_reaches_the_caller():
    with pytest.raises(BadRequestError, match="could not be fetched"):
        inlined(chat({"type": "image_url", "image_url": {"url": "https://refused.test/"}}))
