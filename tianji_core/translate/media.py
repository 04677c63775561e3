"""Images and files inside messages: data URIs, and addresses that a vendor does not fetch itself."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Network

MAX_DOWNLOADS = 50
"""Files that one call may have fetched."""


class DataURI(NamedTuple):
    """The content of a `data:` address (RFC 2397): media type without parameters, and base64."""

    content_type: str
    base64: str

    def decode(self) -> bytes:
        """The bytes. Raises BadRequestError for what is no base64."""
        try:
            return base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequestError("A data URI in the messages holds no valid base64.", param="messages") from None


def parse_data_uri(url: str) -> DataURI | None:
    """The parts of a data URI, None for any other address."""
    if url[:5].lower() != "data:":
        return None
    head, _, data = url[5:].partition(",")
    content_type, *params = head.split(";")
    if not any(p.strip().lower() == "base64" for p in params):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return DataURI(content_type.strip().lower() or "text/plain", data)


def data_uri(content_type: str, data: bytes) -> str:
    """A data URI of these bytes."""
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


async def inline_media(messages: list[Any], network: Network, wanted: Callable[[str], bool]) -> list[Any]:
    """The messages with each image and file whose address is `wanted` downloaded and put in as a data URI.

    Messages and parts without one stay the same objects. Raises BadRequestError.
    """
    fetched: dict[str, str] = {}
    result = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            parts = [await _inlined(part, network, wanted, fetched) for part in content]
            if any(new is not old for new, old in zip(parts, content, strict=True)):
                message = {**message, "content": parts}
        result.append(message)
    return result


def needs_download(messages: list[Any], wanted: Callable[[str], bool]) -> bool:
    """Whether `inline_media` would fetch anything."""
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            for part in content:
                found = _address(part)
                if found is not None and wanted(found[2]):
                    return True
    return False


def _address(part: Any) -> tuple[str, str, str] | None:
    """Where a part holds an address: the part's kind, the member, the address."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in ("image_url", "file", "video_url", "audio_url"):
        return None
    media = part.get(kind)
    if isinstance(media, str):
        return kind, "", media
    if isinstance(media, dict):
        for member in ("url", "file_data", "file_id", "file_url"):
            url = media.get(member)
            if isinstance(url, str) and "://" in url[:16]:
                return kind, member, url
    return None


async def _inlined(part: Any, network: Network, wanted: Callable[[str], bool], fetched: dict[str, str]) -> Any:
    found = _address(part)
    if found is None or not wanted(found[2]):
        return part
    kind, member, url = found
    if url not in fetched:
        if len(fetched) >= MAX_DOWNLOADS:
            raise BadRequestError(f"More than {MAX_DOWNLOADS} files to download.", param="messages")
        media = await network.download(url)
        hint = part[kind].get("format") if isinstance(part[kind], dict) else None
        fetched[url] = data_uri(hint if isinstance(hint, str) and hint else media.content_type, media.data)
    if not member:
        return {**part, kind: {"url": fetched[url]}}
    rest = {key: value for key, value in part[kind].items() if key != member}
    return {**part, kind: {**rest, "file_data" if kind == "file" else "url": fetched[url]}}
