"""`generationConfig`: sampling, lengths, formats, voices.

Source: `GenerationConfig` in the Gemini API reference, and the same type of Vertex AI.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.media import resolution
from tianji_core.translate.gemini.members import given_config, own_config
from tianji_core.translate.gemini.models import Traits
from tianji_core.translate.gemini.schema import to_gemini_schema, with_ordering
from tianji_core.translate.gemini.thinking import thinking_config
from tianji_core.translate.shapes import as_list, as_object, as_text

Config = dict[str, Any]

SAME = {
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "temperature": "temperature",
    "top_p": "topP",
}
"""OpenAI's parameters that Google has under another name, and nothing else about them."""
FORMATS = ("pcm16", "pcm", "wav")


def generation_config(body: dict[str, Any], traits: Traits) -> Config:
    """The `generationConfig` of a chat body; empty if it asks for nothing. Raises BadRequestError."""
    config = given_config(body)
    config.update((into, body[name]) for name, into in SAME.items() if body.get(name) is not None)
    limits = (body.get("max_completion_tokens"), body.get("max_tokens"))
    if (limit := next((each for each in limits if each is not None), None)) is not None:
        config["maxOutputTokens"] = limit
    if stop := body.get("stop"):
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("logprobs") is True:
        config["responseLogprobs"] = True
        if body.get("top_logprobs") is not None:
            config["logprobs"] = body["top_logprobs"]
    if (thinking := thinking_config(body, traits)) is not None:
        config["thinkingConfig"] = thinking
    _add_modalities(config, body)
    _add_format(config, body, traits)
    config.update(own_config(body))
    if (media := resolution(as_list(body.get("messages")))) is not None:
        config.setdefault("mediaResolution", media)
    return config


def speech_config(voice: Any) -> Config:
    """`speechConfig` for OpenAI's `voice`: a name, or an object with one."""
    name = as_text(voice) or as_text(as_object(voice).get("name")) or as_text(as_object(voice).get("id"))
    return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}}


def _add_modalities(config: Config, body: dict[str, Any]) -> None:
    modalities = as_list(body.get("modalities"))
    if modalities:
        config["responseModalities"] = [as_text(each).upper() for each in modalities]
    audio = body.get("audio")
    if not isinstance(audio, dict):
        return
    if audio.get("format") not in (None, *FORMATS):
        raise BadRequestError(f"audio.format must be one of {', '.join(FORMATS)}.", param="audio")
    if audio.get("voice"):
        config["speechConfig"] = speech_config(audio["voice"])


def _add_format(config: Config, body: dict[str, Any], traits: Traits) -> None:
    wanted = as_object(body.get("response_format"))
    kind = wanted.get("type")
    if kind not in ("json_object", "json_schema"):
        return
    config["responseMimeType"] = "application/json"
    schema = wanted.get("response_schema")
    if kind == "json_schema" and schema is None:
        schema = as_object(wanted.get("json_schema")).get("schema")
        if schema is None:
            raise BadRequestError("response_format: json_schema needs a schema.", param="response_format")
    if not isinstance(schema, dict):
        return
    if traits.json_schema == "native":
        config["responseJsonSchema"] = schema
    else:
        config["responseSchema"] = with_ordering(to_gemini_schema(schema))
