"""Content parts to Google's parts."""

from __future__ import annotations

from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.media import content_parts, is_read_by_google, resolution, type_of_address


def one(part: dict[str, Any]) -> Any:
    (found,) = content_parts([part], "messages[0]")
    return found


def inline(data: str, content_type: str) -> dict[str, Any]:
    return {"inlineData": {"data": data, "mimeType": content_type}}


def address(url: str, content_type: str | None = None) -> dict[str, Any]:
    named = {"mimeType": content_type, "fileUri": url} if content_type else {"fileUri": url}
    return {"fileData": named}


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}, inline("aGk=", "image/png")),
        ({"type": "image_url", "image_url": "data:image/jpg;base64,aGk="}, inline("aGk=", "image/jpeg")),
        ({"type": "image_url", "image_url": {"url": "gs://b/a.jpg"}}, address("gs://b/a.jpg", "image/jpeg")),
        (
            {"type": "image_url", "image_url": {"url": "https://x.example/a?b=c.png", "format": "image/webp"}},
            address("https://x.example/a?b=c.png", "image/webp"),
        ),
        ({"type": "video_url", "video_url": {"url": "https://youtu.be/x"}}, address("https://youtu.be/x")),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
            inline("aGk=", "application/pdf"),
        ),
        ({"type": "file", "file": {"file_data": "aGk=", "filename": "a.md"}}, inline("aGk=", "text/markdown")),
        ({"type": "file", "file": {"file_data": "aGk="}}, inline("aGk=", "application/pdf")),
        ({"type": "file", "file": {"file_data": "data:,a%20b"}}, inline("YSBi", "text/plain")),
        (
            {"type": "file", "file": {"file_id": "files/abc", "format": "video/mp4"}},
            address("https://generativelanguage.googleapis.com/v1beta/files/abc", "video/mp4"),
        ),
        (
            {"type": "file", "file": {"file_id": "gs://b/a.mp4", "video_metadata": {"start_offset": "5s"}}},
            {**address("gs://b/a.mp4", "video/mp4"), "videoMetadata": {"startOffset": "5s"}},
        ),
        ({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}, inline("aGk=", "audio/mp3")),
        ({"type": "input_audio", "input_audio": {"data": "aGk="}}, inline("aGk=", "audio/wav")),
    ],
)
def test_media(part: Any, wanted: Any) -> None:
    assert one(part) == wanted


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {}},
        {"type": "image_url"},
        {"type": "image_url", "image_url": {"url": "nonsense"}},
        {"type": "file", "file": {"file_id": "file-abc"}},
        {"type": "file", "file": {"filename": "a.pdf"}},
    ],
)
def test_media_that_are_none(part: Any) -> None:
    with pytest.raises(BadRequestError, match="messages"):
        content_parts([part], "messages[0]")


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/files/abc", True),
        ("https://www.youtube.com/watch?v=x", True),
        ("https://youtube.com.example/watch", False),
        ("gs://bucket/a.png", True),
        ("https://example.com/a.png", False),
        ("https://[broken", False),
    ],
)
def test_who_reads_an_address(url: str, read: bool) -> None:
    assert is_read_by_google(url) is read


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/x.PNG", "image/png"),
        ("https://a.example/x.webp?y=1", "image/webp"),
        ("https://a.example.png", None),
        ("https://a.example/x.d/y", None),
        ("https://[broken", None),
    ],
)
def test_the_type_that_an_address_tells(url: str, found: str | None) -> None:
    assert type_of_address(url) == found


def test_the_highest_detail_counts() -> None:
    def picture(detail: str) -> dict[str, Any]:
        return {"type": "image_url", "image_url": {"url": "x", "detail": detail}}

    messages = [{"content": [picture("low")]}, {"content": [picture("high"), picture("auto")]}, {"content": "a"}]
    assert resolution(messages) == "MEDIA_RESOLUTION_HIGH"
    assert resolution(messages[:1]) == "MEDIA_RESOLUTION_LOW"
    assert resolution([{"content": [picture("auto"), {"type": ["odd"]}]}, None]) is None
