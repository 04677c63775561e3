"""Sounds that models make: raw samples from Google, WAV for whoever wants a file.

Source: Google's "Speech generation" page: `audio/L16;codec=pcm;rate=24000`, one channel, 16 bits, little endian.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedParamsError
from tianji_core.api.provider import Binary, Body
from tianji_core.translate.gemini.config import speech_config
from tianji_core.translate.gemini.members import given_config, own_config, passed_on
from tianji_core.translate.gemini.usage import openai_usage
from tianji_core.translate.shapes import as_list, as_object, as_text, objects

DEFAULT_RATE = 24_000
FORMATS = ("wav", "pcm")
_TRANSLATED = frozenset({"input", "instructions", "model", "response_format", "speed", "stream_format", "voice"})
_RATE = re.compile(r"rate=(\d{4,6})")
_RAW = re.compile(r"audio/(l16|pcm)\b", re.IGNORECASE)


def chat_audio(sounds: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The `audio` of a chat message. Samples stay raw (`pcm16`) unless a WAV file was asked for."""
    data, content_type = _joined(sounds)
    if wanted == "wav" and _RAW.match(content_type):
        data = to_wav(data, _rate(content_type))
    name = hashlib.sha256(data).hexdigest()[:32]
    return {"id": f"audio_{name}", "data": base64.b64encode(data).decode(), "expires_at": 0, "transcript": ""}


def speech_to_gemini(body: Body) -> Body:
    """OpenAI's speech request as one of generateContent. Raises UnsupportedParamsError, BadRequestError."""
    wanted = body.get("response_format")
    if wanted not in (None, *FORMATS):
        raise UnsupportedParamsError(
            f"Gemini makes speech as {' or '.join(FORMATS)}, not as {wanted!r}.", param="response_format"
        )
    text, manner = body.get("input"), as_text(body.get("instructions"))
    if not isinstance(text, str):
        raise BadRequestError("input must be a string.", param="input")
    config: Body = {**given_config(body), "responseModalities": ["AUDIO"]}
    if body.get("voice"):
        config["speechConfig"] = speech_config(body["voice"])
    config.update(own_config(body))
    # Google has no member for the manner of speaking: the prompt says it.
    prompt = f"{manner}\n\n{text}" if manner else text
    contents = [{"role": "user", "parts": [{"text": prompt}]}]
    return {"contents": contents, "generationConfig": config, **passed_on(body, _TRANSLATED)}


def gemini_to_speech(answer: dict[str, Any], body: Body) -> Binary | None:
    """The sound in an answer: a WAV file, or raw samples if those were asked for. None if there is none."""
    candidates = objects(answer.get("candidates"))
    content = as_object(candidates[0].get("content")) if candidates else {}
    sounds = [as_object(part.get("inlineData")) for part in objects(as_list(content.get("parts")))]
    data, content_type = _joined(sounds)
    if not data:
        return None
    usage = openai_usage(answer.get("usageMetadata"))
    if not _RAW.match(content_type) or body.get("response_format") == "pcm":
        return Binary(data, content_type or "audio/pcm", usage)
    return Binary(to_wav(data, _rate(content_type)), "audio/wav", usage)


def to_wav(samples: bytes, rate: int = DEFAULT_RATE) -> bytes:
    """Samples of 16 bits and one channel as a WAV file (RIFF, format 1)."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 4 + len(form) + 8 + len(samples), b"WAVE")
    return head + form + struct.pack("<4sI", b"data", len(samples)) + samples


def _joined(sounds: list[dict[str, Any]]) -> tuple[bytes, str]:
    """The bytes of all pieces, and their media type."""
    content_type = next((as_text(sound.get("mimeType")) for sound in sounds if sound.get("mimeType")), "")
    return b"".join(_decoded(sound) for sound in sounds), content_type


def _decoded(sound: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(as_text(sound.get("data")))
    except (binascii.Error, ValueError):
        return b""


def _rate(content_type: str) -> int:
    found = _RATE.search(content_type)
    return int(found[1]) if found else DEFAULT_RATE
