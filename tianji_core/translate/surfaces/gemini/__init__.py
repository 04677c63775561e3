"""Google's Gemini API as a client speaks it (https://ai.google.dev/api/generate-content), to chat and back.

Its paths say the model and whether the answer is a stream, so there are three of it: for whole answers, and for streams
of the two kinds that Google has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_object
from tianji_core.translate.surfaces.contract import Events, NativeStream, Surface
from tianji_core.translate.surfaces.gemini.defaults import with_defaults
from tianji_core.translate.surfaces.gemini.native import NativeGemini, answer_usage
from tianji_core.translate.surfaces.gemini.request import check_sayable, gemini_to_chat
from tianji_core.translate.surfaces.gemini.response import chat_to_gemini_answer
from tianji_core.translate.surfaces.gemini.stream import GeminiEvents
from tianji_core.translate.surfaces.gemini.usage import modalities


class Gemini(Surface):
    """The surface `gemini`; see `surfaces.contract.Surface`."""

    name = "gemini"
    owns_metadata = False

    def __init__(self, *, streams: bool, in_array: bool = False) -> None:
        self.streams = streams
        self.in_array = in_array

    def to_chat(self, body: Body) -> Body:
        return gemini_to_chat(body)

    def check_sayable(self, body: Body) -> None:
        check_sayable(body)

    def answer(self, chat: Body, asked: Body) -> Body:
        return chat_to_gemini_answer(chat, asked)

    def events(self, model: str, asked: Body) -> Events:
        return GeminiEvents(model, asked)

    def native_usage(self, answer: Body) -> dict[str, Any] | None:
        return answer_usage(answer)

    def native_stream(self, model: str) -> NativeStream:
        return NativeGemini()

    def with_defaults(self, native: Body, defaults: Mapping[str, Any], model: str) -> Body:
        return with_defaults(native, dict(defaults), model) if defaults else dict(native)


WHOLE = Gemini(streams=False)
EVENTS = Gemini(streams=True)
ARRAY = Gemini(streams=True, in_array=True)


def counted_request(body: Any) -> Any:
    """The request whose prompt is to be counted: Google takes its contents alone, or all of it in a member."""
    inner = as_object(body).get("generateContentRequest") or as_object(body).get("generate_content_request")
    if not isinstance(inner, dict):
        return body
    return {
        **{k: v for k, v in body.items() if k not in ("generateContentRequest", "generate_content_request")},
        **inner,
    }


def count_answer(tokens: int, told: Body | None = None) -> Body:
    """An answer of countTokens; `told` is what the vendor has answered, which stays if it is one."""
    if told is not None and "totalTokens" in told:
        return told
    return {"totalTokens": tokens, "promptTokensDetails": modalities({"text_tokens": tokens})}
