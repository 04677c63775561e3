"""Content parts of a chat message as content blocks of the Messages API.

Sources: Anthropic's "Messages" API reference (content blocks), "Vision", "PDF support", "Files API", "Prompt caching".
"""

from __future__ import annotations

import binascii
from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.translate.media import parse_data_uri
from tianji_core.translate.shapes import as_text

Block = dict[str, Any]

EMPTY_TEXT = "[System: Empty message content sanitised to satisfy protocol]"
"""Stands for a user's message without any content, which the vendor refuses; the text LiteLLM sends."""

NATIVE_BLOCKS = frozenset(
    {
        "container_upload",
        "document",
        "image",
        "search_result",
        "tool_reference",
        "tool_result",
        "tool_use",
    }
)
"""Blocks that a caller may write in the vendor's own form; they are passed on as they are."""

_SAME_TYPE = {"image/jpg": "image/jpeg"}


def text_block(text: str, cache_control: Any = None) -> Block:
    """A text block, with its cache marker if there is one."""
    return marked({"type": "text", "text": text}, cache_control)


def marked(block: Block, cache_control: Any) -> Block:
    """The block with a cache marker."""
    if cache_control:
        block["cache_control"] = cache_control
    return block


def content_blocks(content: Any, where: str) -> list[Block]:
    """The blocks of a user's or a tool's content. Texts of nothing but white space are left out: they are refused."""
    if content is None:
        return []
    if isinstance(content, str):
        return [text_block(content)] if content.strip() else []
    if not isinstance(content, list):
        raise BadRequestError(f"{where}: content must be a string or an array.", param="messages")
    blocks = (_block(part, where) for part in content)
    return [block for block in blocks if block is not None]


def plain_text(content: Any, where: str) -> list[Block]:
    """The text blocks of content that can only be text: a system message."""
    blocks = content_blocks(content, where)
    if other := next((block["type"] for block in blocks if block["type"] != "text"), None):
        raise BadRequestError(f"{where}: a system message takes text only, not {other}.", param="messages")
    return blocks


def mark_last(blocks: list[Block], cache_control: Any) -> None:
    """Put a message's own cache marker on its last block that can bear one: thinking blocks cannot."""
    if cache_control:
        for block in reversed(blocks):
            if block["type"] not in ("thinking", "redacted_thinking"):
                block.setdefault("cache_control", cache_control)
                return


def _block(part: Any, where: str) -> Block | None:
    if isinstance(part, str):
        return text_block(part) if part.strip() else None
    if not isinstance(part, dict):
        raise BadRequestError(f"{where}: a content part must be an object.", param="messages")
    kind = as_text(part.get("type"))
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = as_text(part.get("refusal" if kind == "refusal" else "text"))
        if not text.strip():
            return None
        block = text_block(text, part.get("cache_control"))
        if part.get("citations"):
            block["citations"] = part["citations"]
        return block
    if kind in NATIVE_BLOCKS:
        return dict(part)
    if kind == "image_url":
        return marked(_image(part.get("image_url"), where), part.get("cache_control"))
    if kind == "file":
        return marked(_file(part.get("file"), where), part.get("cache_control"))
    raise UnsupportedCapabilityError(f"{where}: Anthropic takes no content part of type {kind!r}.", param="messages")


def _image(image: Any, where: str) -> Block:
    """`image_url`: a data URI or a web address; `format` may name the media type."""
    fields = image if isinstance(image, dict) else {"url": image}
    url = as_text(fields.get("url"))
    if not url:
        raise BadRequestError(f"{where}: image_url needs a url.", param="messages")
    return _from_url(url, fields.get("format"), "image", where)


def _file(file: Any, where: str) -> Block:
    """A `file` part: its data as a data URI, a web address, or the id of a file uploaded to the vendor."""
    if not isinstance(file, dict):
        raise BadRequestError(f"{where}: a file part needs a file object.", param="messages")
    media = file.get("format")
    data, file_id = as_text(file.get("file_data")), as_text(file.get("file_id"))
    if data:
        block = _from_url(data, media, "document", where) if ":" in data else _base64(data, media, where)
    elif file_id:
        if file_id.startswith(("http://", "https://")):
            block = _from_url(file_id, media, "document", where)
        else:
            block = _uploaded(file_id, media)
    else:
        raise BadRequestError(f"{where}: a file part needs file_data or file_id.", param="messages")
    if block["type"] == "document":
        title = file.get("title") or file.get("filename")
        block.update((name, value) for name, value in (("title", title), *_document_options(file)) if value)
    return block


def _document_options(file: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, file.get(name)) for name in ("context", "citations")]


def _uploaded(file_id: str, media: Any) -> Block:
    source = {"type": "file", "file_id": file_id}
    if isinstance(media, str) and media.startswith("image/"):
        return {"type": "image", "source": source}
    if isinstance(media, str) and media not in ("application/pdf", "text/plain"):
        # Only images, PDF and plain text can be read by the model itself; other files go to its container.
        return {"type": "container_upload", "file_id": file_id}
    return {"type": "document", "source": source}


def _from_url(url: str, media: Any, kind: str, where: str) -> Block:
    found = parse_data_uri(url)
    if found is not None:
        return _base64(found.base64, media if isinstance(media, str) else found.content_type, where)
    if not url.lower().startswith("https://"):
        raise BadRequestError(
            f"{where}: Anthropic fetches https addresses only; send the content as a data URI.", param="messages"
        )
    if isinstance(media, str):
        kind = "image" if media.startswith("image/") else "document"
    return {"type": kind, "source": {"type": "url", "url": url}}


def _base64(data: str, media: Any, where: str) -> Block:
    media_type = str(media or "application/pdf").lower()
    media_type = _SAME_TYPE.get(media_type, media_type)
    if media_type.startswith("image/"):
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type == "application/pdf":
        return {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type.startswith("text/"):
        return _plain_document(_decoded(data, where))
    raise UnsupportedCapabilityError(
        f"{where}: Anthropic takes images, PDF and plain text, not {media_type}.",
        param="messages",
    )


def base64_source(data: str, media: str, where: str) -> Block:
    """The source of a block with this content. Raises UnsupportedCapabilityError for what Claude cannot read."""
    source: Block = _base64(data, media, where)["source"]
    return source


def _plain_document(data: bytes) -> Block:
    text = data.decode("utf-8", "replace")
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _decoded(data: str, where: str) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        raise BadRequestError(f"{where}: the data is not base64.", param="messages") from None
