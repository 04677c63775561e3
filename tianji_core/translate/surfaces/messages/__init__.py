"""Anthropic's Messages as a client speaks them (https://docs.anthropic.com/en/api/messages), to chat and back."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.usage import openai_usage
from tianji_core.translate.surfaces.contract import Events, NativeStream, Surface
from tianji_core.translate.surfaces.messages.native import NativeMessages
from tianji_core.translate.surfaces.messages.request import messages_to_chat
from tianji_core.translate.surfaces.messages.response import chat_to_message
from tianji_core.translate.surfaces.messages.stream import MessageEvents
from tianji_core.translate.surfaces.messages.tools import check_tools


class Messages(Surface):
    """The surface `messages`; see `surfaces.contract.Surface`."""

    name = "messages"
    same = frozenset({"max_tokens", "temperature", "top_p"})

    def to_chat(self, body: Body) -> Body:
        if not isinstance(body.get("messages"), list):
            raise BadRequestError("messages: Field required.", param="messages")
        for index, message in enumerate(body["messages"]):
            if not isinstance(message, dict):
                raise BadRequestError(f"messages[{index}] must be an object.", param="messages")
        if not isinstance(body.get("max_tokens"), int):
            raise BadRequestError("max_tokens: Field required.", param="max_tokens")
        return messages_to_chat(body)

    def check_sayable(self, body: Body) -> None:
        check_tools(body.get("tools"))

    def answer(self, chat: Body, asked: Body) -> Body:
        return chat_to_message(chat)

    def events(self, model: str, asked: Body) -> Events:
        return MessageEvents(model)

    def native_usage(self, answer: Body) -> dict[str, Any] | None:
        usage = answer.get("usage")
        return openai_usage(usage) if isinstance(usage, dict) else None

    def native_stream(self, model: str) -> NativeStream:
        return NativeMessages(model)


MESSAGES = Messages()
