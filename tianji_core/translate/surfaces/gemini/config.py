"""Google's `generationConfig` as parameters of chat.

Source: the `GenerationConfig` type of the Gemini API reference. `topK` has no word in OpenAI's chat, and vendors that
do not know it refuse it, while Google's clients send it as a matter of course: it is left out.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.gemini.config import SAME
from tianji_core.translate.gemini.members import given_config
from tianji_core.translate.gemini.thinking import effort_of
from tianji_core.translate.shapes import as_list, as_object, as_text
from tianji_core.translate.surfaces.gemini.parts import DETAILS
from tianji_core.translate.surfaces.gemini.schema import closed, json_schema

_JSON = "application/json"


def add_config(config: Body, chat: Body) -> None:
    """Put what a configuration says into a chat body."""
    chat.update((name, config[of]) for name, of in SAME.items() if config.get(of) is not None)
    if chat.get("n") == 1:
        del chat["n"]  # the default, which not every vendor has a word for
    if config.get("maxOutputTokens") is not None:
        chat["max_tokens"] = config["maxOutputTokens"]
    if config.get("stopSequences"):
        chat["stop"] = config["stopSequences"]
    if config.get("responseLogprobs") is True:
        chat["logprobs"] = True
        if config.get("logprobs") is not None:
            chat["top_logprobs"] = config["logprobs"]
    effort = effort_of(as_object(config.get("thinkingConfig")))
    if effort is not None:
        chat["reasoning_effort"] = effort
    _add_format(config, chat)
    _add_modalities(config, chat)


def detail_of(config: Body) -> str | None:
    """OpenAI's `detail` for the resolution of all images."""
    return DETAILS.get(as_text(config.get("mediaResolution")))


def shows_thoughts(asked: Body) -> bool:
    """Whether the client wants to see what the model thought; Google shows it to nobody else."""
    return as_object(given_config(asked).get("thinkingConfig")).get("includeThoughts") is True


def wanted_type(config: Body) -> str:
    """The media type that the answer is to have."""
    return as_text(config.get("responseMimeType")) or as_text(_of_text(config).get("mimeType"))


def _add_format(config: Body, chat: Body) -> None:
    if wanted_type(config).lower() not in ("", _JSON):
        return
    given: Any = next((s for s in (config.get("responseJsonSchema"), _of_text(config).get("schema")) if s), None)
    schema = given if isinstance(given, dict) else json_schema(config.get("responseSchema"))
    if schema:
        schema, strict = closed(schema)
        wanted = {"name": "structured_output", "schema": schema, "strict": strict}
        chat["response_format"] = {"type": "json_schema", "json_schema": wanted}
    elif wanted_type(config).lower() == _JSON:
        chat["response_format"] = {"type": "json_object"}


def _of_text(config: Body) -> Body:
    """`responseFormat.text`, the newer way to ask for a format."""
    return as_object(as_object(config.get("responseFormat")).get("text"))


def _add_modalities(config: Body, chat: Body) -> None:
    wanted = [as_text(each).lower() for each in as_list(config.get("responseModalities"))]
    if set(wanted) - {"text", ""}:
        chat["modalities"] = wanted
    voice = as_object(as_object(config.get("speechConfig")).get("voiceConfig")).get("prebuiltVoiceConfig")
    if name := as_text(as_object(voice).get("voiceName")):
        chat["audio"] = {"voice": name, "format": "pcm16"}
