"""What the values of an answer say of usage.

Sources: the API references of OpenAI (chat, Responses, images, audio: `usage`), Anthropic (`message`, `message_start`,
`message_delta`) and Google (`usageMetadata`; `statistics` of Vertex AI's predictions). The formats are told apart by
their members, since one host may have several of them: Vertex AI has all three.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from tianji_core.api.provider import Body
from tianji_core.translate.anthropic.usage import CHARACTERS_PER_TOKEN, merge_usage
from tianji_core.translate.anthropic.usage import openai_usage as anthropic_usage
from tianji_core.translate.gemini.usage import openai_usage as google_usage
from tianji_core.translate.shapes import as_count, as_object, as_text, objects
from tianji_core.translate.surfaces.responses.response import chat_usage


class Counts(ABC):
    """Takes the values of one answer in their order: one of a whole answer, one of each event of a stream."""

    markers: ClassVar[tuple[bytes, ...]] = ()
    """A value of a stream that holds none of these byte strings says nothing of interest, and is not decoded."""
    usage: Body | None = None
    """In OpenAI's names."""
    model: str | None = None
    error: str | None = None

    @abstractmethod
    def take(self, value: Body) -> None:
        """Note what a value says. It may be any JSON object."""

    def settle(self) -> None:
        """There is no more: work out what has been left open."""


class NativeCounts(Counts):
    """The formats of OpenAI, Anthropic and Google."""

    markers: ClassVar[tuple[bytes, ...]] = (
        b'"usage"',
        b'"usageMetadata"',
        b'"statistics"',
        b'"error"',
        b'"message_start"',
        b'"content_block_delta"',
        b'"x_groq"',
    )

    def __init__(self) -> None:
        self._messages: Body | None = None  # Anthropic's counts so far, of a stream
        self._told = False  # whether they hold what was written in the end
        self._written = 0  # characters

    def take(self, value: Body) -> None:
        kind = as_text(value.get("type"))
        if kind == "message_start":
            message = as_object(value.get("message"))
            self._messages = {}
            merge_usage(self._messages, message.get("usage"))
            self._name(message.get("model"))
        elif kind == "content_block_delta" and self._messages is not None:
            delta = as_object(value.get("delta"))
            self._written += sum(len(as_text(delta.get(name))) for name in ("text", "thinking", "partial_json"))
        elif kind == "message_delta" and self._messages is not None:
            merge_usage(self._messages, value.get("usage"))
            self._told = True
        else:
            self._take_plain(kind, value)

    def _take_plain(self, kind: str, value: Body) -> None:
        """What tells its usage all at once."""
        if kind.startswith("response."):
            value = as_object(value.get("response"))
        if kind == "error" or value.get("error"):
            self._fail(value)
        self._name(value.get("model") or value.get("modelVersion"))
        usage = value.get("usage") or as_object(value.get("x_groq")).get("usage")
        if isinstance(usage, dict):
            found = plain_usage(usage)
        elif "usageMetadata" in value:
            found = google_usage(value["usageMetadata"])
        else:
            found = _predicted_usage(value)
        self.usage = found or self.usage

    def settle(self) -> None:
        if self._messages is None:
            return
        if self._told or not self._written:
            self.usage = anthropic_usage(self._messages, reasoning_characters=None)
            return
        # Cut off before the vendor said what it had written: what arrived has to tell.
        written = -(-self._written // CHARACTERS_PER_TOKEN)
        counts = {**self._messages, "output_tokens": max(written, as_count(self._messages.get("output_tokens")))}
        self.usage = {**anthropic_usage(counts, reasoning_characters=None), "estimated": True}

    def _name(self, model: Any) -> None:
        if isinstance(model, str) and model:
            self.model = model

    def _fail(self, value: Body) -> None:
        told = value.get("error") or value
        message = told if isinstance(told, str) else as_object(told).get("message")
        self.error = as_text(message) or "The provider's stream reported an error."


def plain_usage(usage: Body) -> Body | None:
    """A member `usage`, in any of the forms that are told at once; None if it counts no tokens."""
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        prompt, completion = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
        total = as_count(usage.get("total_tokens")) or prompt + completion
        return {**usage, "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    if "input_tokens" not in usage:
        return None
    if "total_tokens" in usage:  # OpenAI's later APIs; cached tokens are a part of the input
        return chat_usage(usage)
    return anthropic_usage(usage, reasoning_characters=None)


def _predicted_usage(value: Body) -> Body | None:
    """Vertex AI's embeddings tell the tokens of each text."""
    tokens = sum(
        as_count(as_object(as_object(each.get("embeddings")).get("statistics")).get("token_count"))
        for each in objects(value.get("predictions"))
    )
    return {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens} if tokens else None
