"""Files as OpenAI shows them, and what of a caller's words goes into one."""

from __future__ import annotations

import re
from mimetypes import guess_type
from typing import Any
from urllib.parse import quote

from tianji_core.api.errors import BadRequestError
from tianji_core.store.objects import StoredObject

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals", "ocr")
"""What a caller may upload a file for: OpenAI's words, and Mistral's `ocr`."""
MIN_LIFE, MAX_LIFE = 3600, 2_592_000
"""Seconds that a file with `expires_after` may live, as at OpenAI."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
UNKNOWN = "application/octet-stream"


def file_object(stored: StoredObject) -> dict[str, Any]:
    """The file object of OpenAI's API."""
    data = stored.data
    found = {
        "id": stored.id,
        "object": "file",
        "bytes": data.get("bytes", 0),
        "created_at": int(stored.created_at),
        "filename": data.get("filename", "file"),
        "purpose": data.get("purpose", "user_data"),
        "status": data.get("status", "processed"),
        "status_details": None,
    }
    if stored.expires_at is not None:
        found["expires_at"] = int(stored.expires_at)
    return found


def check_purpose(purpose: object) -> str:
    """Raises BadRequestError for anything that is no purpose of uploads."""
    if purpose is None or purpose == "":
        raise BadRequestError("Missing required parameter: 'purpose'.", param="purpose")
    if purpose not in PURPOSES:
        raise BadRequestError(f"{purpose!r} is not one of {list(PURPOSES)} - 'purpose'", param="purpose")
    return str(purpose)


def check_life(anchor: object, seconds: object) -> int | None:
    """The seconds that a file is to live; None if nothing is said. Raises BadRequestError."""
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise BadRequestError("expires_after.anchor must be 'created_at'.", param="expires_after.anchor")
    try:
        life = int(str(seconds))
    except ValueError:
        life = 0
    if not MIN_LIFE <= life <= MAX_LIFE:
        raise BadRequestError(
            f"expires_after.seconds must be a whole number from {MIN_LIFE} to {MAX_LIFE}.",
            param="expires_after.seconds",
        )
    return life


def clean_name(filename: str) -> str:
    """A file's name without folders and control characters, at most 255 characters long."""
    name = _CONTROL.sub("", filename.replace("\\", "/").rpartition("/")[2]).strip()
    return "file" if name in ("", ".", "..") else name[-255:]


def media_type(filename: str, said: str | None) -> str:
    """The media type to give a file out with: what its uploader said, else what its name says."""
    plain = (said or "").partition(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(plain) and plain != UNKNOWN:
        return plain
    if filename.endswith(".jsonl"):
        return "application/jsonl"
    return guess_type(filename)[0] or UNKNOWN


def disposition(filename: str) -> str:
    """A `Content-Disposition` that has browsers save a file, never show it (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^ !#-\[\]-~]", "_", filename)
    extended = "" if plain == filename else f"; filename*=utf-8''{quote(filename, safe='')}"
    return f'attachment; filename="{plain}"{extended}'
