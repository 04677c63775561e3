"""Content parts of a chat message as content blocks of Converse.

Source: Bedrock API reference, `ContentBlock` and the blocks of each kind (formats); "Carry out a conversation with the
Converse API" (documents need a text beside them, and neutral names, which a prompt injection could use otherwise).
"""

from __future__ import annotations

import hashlib
from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_object, as_text

Block = dict[str, Any]

IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/x-markdown": "md",
}
VIDEOS = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
AUDIO = frozenset(
    ["aac", "flac", "m4a", "mka", "mkv", "mp3", "mp4", "mpeg", "mpga", "ogg", "opus", "pcm", "wav", "webm", "x-aac"]
)
_ENDINGS = {
    **{ending: ("document", ending) for ending in ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")},
    **{ending: ("image", ending) for ending in ("png", "jpeg", "gif", "webp")},
    **{ending: ("video", ending) for ending in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
    "jpg": ("image", "jpeg"),
    "3gp": ("video", "three_gp"),
    "htm": ("document", "html"),
}
"""What a file is by the end of its name."""


def cache_point(marker: Any, *, long: bool) -> Block:
    """The block that stands behind what is to be cached; `long` says that the model lets one say how long."""
    ttl = as_object(marker).get("ttl")
    point = {"type": "default", "ttl": ttl} if long and ttl in ("5m", "1h") else {"type": "default"}
    return {"cachePoint": point}


def content_blocks(content: Any, where: str) -> list[tuple[Block, Any]]:
    """The blocks of a message's content, each with its cache marker. Blank texts are left out: they are refused."""
    if content is None:
        return []
    if isinstance(content, str):
        return [({"text": content}, None)] if content.strip() else []
    if not isinstance(content, list):
        raise BadRequestError(f"{where}: content must be a string or an array.", param="messages")
    found = []
    for part in content:
        block = _block(part, where)
        if block is not None:
            found.append((block, part.get("cache_control") if isinstance(part, dict) else None))
    return found


def _block(part: Any, where: str) -> Block | None:
    if isinstance(part, str):
        return {"text": part} if part.strip() else None
    if not isinstance(part, dict):
        raise BadRequestError(f"{where}: a content part must be an object.", param="messages")
    kind = as_text(part.get("type"))
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = as_text(part.get("refusal" if kind == "refusal" else "text"))
        return {"text": text} if text.strip() else None
    if kind == "guarded_text":
        return {"guardContent": {"text": {"text": as_text(part.get("text"))}}}
    if kind in ("image_url", "video_url", "audio_url"):
        fields = part[kind] if isinstance(part.get(kind), dict) else {"url": part.get(kind)}
        return _media(as_text(fields.get("url")), fields.get("format"), "", where)
    if kind == "file":
        return _file(part.get("file"), where)
    if kind == "input_audio":
        return _audio(as_object(part.get("input_audio")), where)
    raise UnsupportedCapabilityError(f"{where}: Bedrock takes no content part of type {kind!r}.", param="messages")


def _file(file: Any, where: str) -> Block:
    """A `file` part: a data URI, bare base64, or an address in S3; its name says the kind where nothing else does."""
    file = as_object(file)
    name = as_text(file.get("filename"))
    data = as_text(file.get("file_data")) or as_text(file.get("file_id")) or as_text(file.get("file_url"))
    if not data:
        raise BadRequestError(f"{where}: a file part needs file_data or file_id.", param="messages")
    if ":" in data:
        block = _media(data, file.get("format"), name, where)
    elif file.get("file_data"):
        block = _of_bytes(as_text(file.get("format")) or "application/octet-stream", data, name, where)
    else:
        raise BadRequestError(f"{where}: Bedrock keeps no files; send the content as file_data.", param="messages")
    if "document" in block:
        context, citations = file.get("context"), file.get("citations")
        if context:
            block["document"]["context"] = context
        if citations:
            block["document"]["citations"] = {"enabled": as_object(citations).get("enabled", True) is not False}
    return block


def _audio(audio: dict[str, Any], where: str) -> Block:
    form, data = as_text(audio.get("format")), as_text(audio.get("data"))
    if form not in AUDIO or not data:
        raise BadRequestError(f"{where}: input_audio needs data and a format that Bedrock knows.", param="messages")
    return {"audio": {"format": form, "source": {"bytes": data}}}


def _media(url: str, media: Any, name: str, where: str) -> Block:
    """A block of what a data URI holds, or of an address in S3; other addresses were to be downloaded before."""
    if not url:
        raise BadRequestError(f"{where}: a url is missing.", param="messages")
    found = parse_data_uri(url)
    if found is not None:
        return _of_bytes(media if isinstance(media, str) else found.content_type, found.base64, name, where)
    if not url.startswith("s3://"):
        raise BadRequestError(f"{where}: send the content as a data URI, or as an s3:// address.", param="messages")
    kind = _kind(media if isinstance(media, str) else "", name or url, where)
    return _built(kind, {"s3Location": {"uri": url}}, url)


def _of_bytes(media: str, data: str, name: str, where: str) -> Block:
    return _built(_kind(media.lower(), name, where), {"bytes": data}, data)


def _kind(media: str, name: str, where: str) -> tuple[str, str]:
    """Block and format of a media type, or of a file's name where the type says nothing."""
    for block, formats in (("image", IMAGES), ("document", DOCUMENTS), ("video", VIDEOS)):
        if media in formats and not (media == "text/plain" and name):
            return block, formats[media]
    if media.startswith("audio/") and (form := media.removeprefix("audio/").removeprefix("x-")) in AUDIO:
        return "audio", form
    found = _ENDINGS.get(name.rpartition(".")[2].lower())
    if found is not None:
        return found
    if media.startswith("text/"):
        return "document", "txt"
    raise UnsupportedCapabilityError(
        f"{where}: Bedrock takes images, documents, audio and video of common formats, not {media or 'this'}.",
        param="messages",
    )


def _built(kind: tuple[str, str], source: Block, content: str) -> Block:
    block, form = kind
    fields: Block = {"format": form, "source": source}
    if block == "document":
        # The same name for the same content, so that prompt caches hold; unique as far as the contents are.
        fields["name"] = f"document-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    return {block: fields}
