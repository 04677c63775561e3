"""OpenAI's Responses as a client speaks them (https://platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.contract import Events, NativeStream, Surface
from tianji_core.translate.surfaces.responses.history import said_to
from tianji_core.translate.surfaces.responses.native import NativeResponses
from tianji_core.translate.surfaces.responses.request import SAME, check_tools, responses_to_chat
from tianji_core.translate.surfaces.responses.response import chat_to_response, native_usage
from tianji_core.translate.surfaces.responses.stream import ResponseEvents

COMPACTION = "responses_compact"
"""The dialect of `/responses/compact`, which only vendors of Responses have: they make one encrypted item of many."""


class Responses(Surface):
    """The surface `responses`; see `surfaces.contract.Surface`."""

    name = "responses"
    same = frozenset(SAME)

    def to_chat(self, body: Body) -> Body:
        return responses_to_chat(body)

    def for_vendor(self, body: Body, deployment_id: str) -> Body:
        return said_to(body, None)

    def check_sayable(self, body: Body) -> None:
        check_tools(body.get("tools"))

    def answer(self, chat: Body, asked: Body) -> Body:
        return chat_to_response(chat, asked)

    def events(self, model: str, asked: Body) -> Events:
        return ResponseEvents(model, asked)

    def native_usage(self, answer: Body) -> dict[str, Any] | None:
        return native_usage(answer)

    def native_stream(self, model: str) -> NativeStream:
        return NativeResponses(model)


RESPONSES = Responses()
