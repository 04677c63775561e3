"""The surface `gemini`: what the dialect is to the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.contract import Events, NativeStream, Surface
from tianji_core.translate.surfaces.gemini.defaults import with_defaults
from tianji_core.translate.surfaces.gemini.native import NativeGemini, answer_usage
from tianji_core.translate.surfaces.gemini.request import check_sayable, gemini_to_chat
from tianji_core.translate.surfaces.gemini.response import chat_to_gemini_answer
from tianji_core.translate.surfaces.gemini.stream import GeminiEvents


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
