"""Content parts of a chat message as Google's `Part`s.

Sources: Google's "Image understanding", "Document understanding", "Audio understanding", "Video understanding"
(YouTube, `videoMetadata`) and "Files API" pages; for Vertex AI the `FileData` type (Cloud Storage and https addresses).
"""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.gemini.members import documented
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_object, as_text

Part = dict[str, Any]

FILES_API = "https://generativelanguage.googleapis.com/"
"""Where addresses of uploaded files begin; the model reads those itself."""
_YOUTUBE = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_MEDIA_PARTS = {"image_url": "image_url", "video_url": "video_url", "audio_url": "audio_url", "file": "file"}
_TYPES = {
    "audio/mpeg3": "audio/mp3",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
}
_SUFFIXES = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".webp": "image/webp",
}
"""What Python's own table lacks on some systems, or has under another name."""
RESOLUTIONS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
}


def content_parts(content: Any, where: str) -> list[Part]:
    """The parts of a message's content. Raises BadRequestError or UnsupportedCapabilityError."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    if not isinstance(content, list):
        raise BadRequestError(f"{where}: content must be a string or an array.", param="messages")
    return [part for each in content if (part := _part(each, where)) is not None]


def is_read_by_google(url: str) -> bool:
    """Whether AI Studio's models read an address themselves: uploaded files, YouTube, Cloud Storage."""
    if url.startswith((FILES_API, "gs://")):
        return True
    try:
        return (urlsplit(url).hostname or "").lower() in _YOUTUBE
    except ValueError:
        return False


def type_of_address(url: str) -> str | None:
    """The media type that an address' path ends with, None if it does not tell."""
    try:
        path = urlsplit(url).path.lower()
    except ValueError:
        return None
    suffix = path[path.rfind(".") :] if "." in path.rpartition("/")[2] else ""
    return _SUFFIXES.get(suffix) or (mimetypes.types_map.get(suffix) if suffix else None)


def resolution(messages: list[Any]) -> str | None:
    """`mediaResolution` for OpenAI's `detail`; it goes for the whole request, so the highest one counts."""
    wanted = set()
    for message in messages:
        content = as_object(message).get("content")
        for part in content if isinstance(content, list) else ():
            part = as_object(part)
            media = as_object(part.get(as_text(part.get("type"))))
            wanted.add(as_text(media.get("detail")))
    return next((RESOLUTIONS[name] for name in ("high", "medium", "low") if name in wanted), None)


def _part(part: Any, where: str) -> Part | None:
    if isinstance(part, str):
        return {"text": part}
    if not isinstance(part, dict):
        raise BadRequestError(f"{where}: a content part must be an object.", param="messages")
    kind = as_text(part.get("type"))
    if kind in _TEXT_PARTS:
        text = as_text(part.get(_TEXT_PARTS[kind]))
        return {"text": text} if text else None
    if kind == "input_audio":
        audio = as_object(part.get("input_audio"))
        data, sound = as_text(audio.get("data")), as_text(audio.get("format")) or "wav"
        if not data:
            raise BadRequestError(f"{where}: input_audio needs data.", param="messages")
        return _inline(sound if "/" in sound else f"audio/{sound}", data)
    if kind in _MEDIA_PARTS:
        return _media(part.get(kind), kind, where)
    raise UnsupportedCapabilityError(f"{where}: Gemini takes no content part of type {kind!r}.", param="messages")


def _media(media: Any, kind: str, where: str) -> Part:
    """An image, video, sound or file: data in place, or an address."""
    fields = media if isinstance(media, dict) else {"url": media}
    given = next((fields[name] for name in ("url", "file_data", "file_id", "file_url") if fields.get(name)), None)
    url, told = as_text(given), as_text(fields.get("format") or fields.get("mime_type")).lower()
    if not url:
        wanted = "file_data or file_id" if kind == "file" else "a url"
        raise BadRequestError(f"{where}: {kind} needs {wanted}.", param="messages")
    found = parse_data_uri(url)
    if found is not None:
        part = _inline(told or found.content_type, found.base64)
    elif "://" in url[:16]:
        part = _address(url, told)
    elif url.startswith("files/"):
        part = _address(f"{FILES_API}v1beta/{url}", told)
    elif kind == "file" and fields.get("file_data"):
        name = as_text(fields.get("filename"))
        part = _inline(told or type_of_address(f"file:///{name}") or "application/pdf", url)
    else:
        raise BadRequestError(f"{where}: {kind} is neither a data URI nor an address.", param="messages")
    video = fields.get("video_metadata")
    return {**part, "videoMetadata": documented(video)} if isinstance(video, dict) else part


def _inline(content_type: str, data: str) -> Part:
    content_type = _TYPES.get(content_type, content_type)
    return {"inlineData": {"data": data, "mimeType": content_type}}


def _address(url: str, told: str) -> Part:
    content_type = told or type_of_address(url)
    data = {"mimeType": content_type, "fileUri": url} if content_type else {"fileUri": url}
    return {"fileData": data}
