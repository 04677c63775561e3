"""Google's `Part`s as content parts of a chat message.

Sources: the `Part`, `Blob` and `FileData` types of the Gemini API reference.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.gemini.media import RESOLUTIONS, type_of_address
from tianji_core.translate.gemini.parts import OWN_PARTS
from tianji_core.translate.shapes import as_object, as_text
from tianji_core.translate.surfaces.gemini.state import standard_base64

DETAILS = {name: detail for detail, name in RESOLUTIONS.items() if detail != "medium"}
"""OpenAI's `detail` for Google's resolutions; it has nothing between low and high."""
_SOUNDS = {"mpeg": "mp3", "mpeg3": "mp3", "wave": "wav", "x-wav": "wav"}
_TEXTS = frozenset({"application/json", "application/xml", "application/x-javascript", "application/yaml"})
BESIDE = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
"""Members of parts that hold no content themselves."""


def user_part(part: Body, where: str, detail: str | None = None) -> list[Body]:
    """What a user's part says, as content parts; `detail` goes for images that have none. Raises BadRequestError."""
    if isinstance(part.get("text"), str):
        return [{"type": "text", "text": part["text"]}] if part["text"] else []
    own = as_text(as_object(part.get("mediaResolution")).get("level")).removesuffix("_ULTRA")
    detail = DETAILS.get(own, detail)
    if isinstance(part.get("inlineData"), dict):
        return [_with_video(_inline(part["inlineData"], where, detail), part)]
    if isinstance(part.get("fileData"), dict):
        return [_with_video(_file(part["fileData"], where, detail), part)]
    text = other_text(part)
    return [{"type": "text", "text": text}] if text else []


def other_text(part: Body) -> str:
    """A part that chat has nothing for, as text: nobody who judges the request may miss it. Empty if it is empty."""
    code = as_object(part.get("executableCode"))
    if code:
        return f"```{as_text(code.get('language')).lower()}\n{as_text(code.get('code'))}\n```"
    result = as_object(part.get("codeExecutionResult"))
    if result:
        return f"```\n{as_text(result.get('output'))}\n```"
    rest = {name: value for name, value in part.items() if name not in BESIDE}
    return orjson.dumps(rest).decode() if rest else ""


def is_foreign(part: Body) -> bool:
    """Whether a part is one that only Google's models have, or one that is not known."""
    kinds = part.keys() - BESIDE
    return (
        bool(kinds)
        and not kinds & {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
        and (not kinds & set(OWN_PARTS))
    )


def data_part(content_type: str, data: str, name: str = "", detail: str | None = None) -> Body:
    """Media in place, by its type."""
    kind, _, sub = content_type.partition("/")
    url = f"data:{content_type};base64,{data}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else {"url": url}}
    if kind == "audio":
        # What has more to say than a name, such as a rate, stays whole.
        sound = _SOUNDS.get(sub, sub) if sub.replace("-", "").isalnum() else content_type
        return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    name = name or f"document{mimetypes.guess_extension(content_type) or ''}"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _inline(blob: Body, where: str, detail: str | None) -> Body:
    content_type, data = as_text(blob.get("mimeType")).lower(), blob.get("data")
    if not content_type or not isinstance(data, str):
        raise BadRequestError(f"{where}.inlineData needs mimeType and data.", param="contents")
    data = standard_base64(data)
    bare = content_type.partition(";")[0].strip()
    if bare.startswith("text/") or bare in _TEXTS:
        return {"type": "text", "text": _decoded(data, where)}
    return data_part(content_type, data, as_text(blob.get("displayName")), detail)


def _decoded(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise BadRequestError(f"{where}.inlineData.data is not base64.", param="contents") from None


def _file(file: Body, where: str, detail: str | None) -> Body:
    url = as_text(file.get("fileUri"))
    if not url:
        raise BadRequestError(f"{where}.fileData needs fileUri.", param="contents")
    content_type = as_text(file.get("mimeType")).lower() or type_of_address(url) or ""
    more = {"format": content_type} if content_type else {}
    if content_type.startswith("image/"):
        image = {"url": url, **more, "detail": detail} if detail else {"url": url, **more}
        return {"type": "image_url", "image_url": image}
    return {"type": "file", "file": {"file_id": url, **more}}


def _with_video(made: Body, part: Body) -> Body:
    """The part with which piece of a video is meant."""
    video = part.get("videoMetadata")
    if not isinstance(video, dict) or made["type"] == "text":
        return made
    return {**made, made["type"]: {**made[made["type"]], "video_metadata": video}}
