"""Anthropic's Messages as a client speaks them (https://docs.anthropic.com/en/api/messages), to chat and back."""

from tianji_core.translate.surfaces.messages.request import messages_to_chat
from tianji_core.translate.surfaces.messages.response import chat_to_message
from tianji_core.translate.surfaces.messages.stream import MessageEvents

__all__ = ["MessageEvents", "chat_to_message", "messages_to_chat"]
