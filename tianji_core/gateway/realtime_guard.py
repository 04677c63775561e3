"""Guardrails over what is said in a realtime session.

Texts of the client are judged event by event, before the vendor gets them; audio cannot be read, so it does not pass
where a guardrail has to see what a user says. Of the vendor all that belongs to one response is held until its words
(texts, transcripts of what is spoken, arguments of tools) have been judged together.
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from tianji_core.api.errors import GatewayError, GuardrailBlockedError
from tianji_core.api.provider import Body
from tianji_core.api.texts import Text, last_name, replaced, strings
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails import GuardrailChain

Message = str | bytes

_LABELS = frozenset(
    (
        "type", "id", "event_id", "item_id", "previous_item_id", "response_id", "call_id", "role", "object", "status",
        "model", "voice", "format", "modalities", "output_modalities", "audio", "delta", "name", "eagerness",
        "tool_choice", "input_audio_format", "output_audio_format", "language", "conversation", "conversation_id",
        "rate_limits", "code", "param", "phase",
    )
)  # fmt: skip
"""Members of events that hold names, settings and sound. Deltas are shown once they are put together."""
_HARMLESS = frozenset({"error", "rate_limits.updated"})
_PASSING = ("input_audio_buffer.", "session.", "output_audio_buffer.")
"""Beginnings of the types of a vendor's events that tell nothing that anybody has said."""
MOST_HELD = 64 * 1024 * 1024
"""Bytes of one response that are held; one that is longer is refused."""


class SessionGuard:
    """What stands between the two sides of one session. Both ways give messages for the vendor, and for the client."""

    def __init__(self, call: Call, chain: GuardrailChain) -> None:
        self._call = call
        self._chain = chain
        stages = chain.stages(call)
        self._judges_users = bool(stages & {"pre_call", "during_call"})
        self._judges_answers = "post_call" in stages
        self._held: list[Message] | None = None
        self._size = 0
        self._told_of_audio = False

    async def up(self, message: Message) -> tuple[list[Message], list[Message]]:
        """A client's message: what the vendor gets of it, and what the client is told."""
        if not self._judges_users:
            return [message], []
        event = _event(message)
        if event is None:
            return [], [error_event(GuardrailBlockedError("A guardrail has to read this message, and cannot."))]
        if _has_audio(event):
            if self._told_of_audio:
                return [], []
            self._told_of_audio = True
            return [], [error_event(GuardrailBlockedError(_NO_AUDIO), event.get("event_id"))]
        try:
            return [await self._judged_event(event, message)], []
        except GatewayError as error:
            return [], [error_event(error, event.get("event_id"))]

    async def down(self, message: Message) -> list[Message]:
        """A vendor's message: what the client gets now."""
        if not self._judges_answers:
            return [message]
        event = _event(message)
        kind = str(event.get("type")) if event is not None else ""
        if event is not None and kind == "response.done":
            return await self._response_done(event, message)
        if kind in _HARMLESS or kind.startswith(_PASSING):
            return [message]
        if kind == "response.created" and self._held is None:
            self._held, self._size = [], 0
        if self._held is not None:
            self._size += len(message)
            if self._size <= MOST_HELD:
                self._held.append(message)
            return []
        if event is None:
            return [error_event(GuardrailBlockedError("A guardrail has to read what the provider says, and cannot."))]
        try:
            await self._judge_answer(_prose(event))
        except GatewayError as error:
            return [error_event(error)]
        return [message]

    async def _judged_event(self, event: Body, message: Message) -> Message:
        """Raises GatewayError."""
        places = _prose(event)
        if not places:
            return message
        shown: Body = {
            "model": self._call.model,
            "messages": [{"role": "user", "content": [{"type": "text", "text": place.text} for place in places]}],
        }
        judged = await self._chain.judged_request(self._call, shown)
        if judged is shown:
            return message
        said = [part.get("text") for part in judged["messages"][0]["content"]]
        if len(said) != len(places) or not all(isinstance(text, str) for text in said):
            raise GuardrailBlockedError("A guardrail wants to change more of this than its words.")
        new = {place.path: text for place, text in zip(places, said, strict=True)}
        return orjson.dumps(replaced(event, new)).decode()

    async def _response_done(self, event: Body, message: Message) -> list[Message]:
        held, self._held = self._held or [], None
        try:
            if self._size > MOST_HELD:
                raise GuardrailBlockedError("The answer is too long to be judged.")
            await self._judge_answer(_prose(event))
        except GatewayError as error:
            return [error_event(error), _failed(event, error)]
        return [*held, message]

    async def _judge_answer(self, places: list[Text]) -> None:
        """Raises GatewayError: also where a guardrail wants other words, for they may have been spoken."""
        if not places:
            return
        content = "\n".join(place.text for place in places)
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        await self._chain.inspect(self._call, "post_call", self._call.body, {"choices": [choice]})


_NO_AUDIO = "Guardrails watch over this session, and cannot hear: send text."


def error_event(error: GatewayError, event_id: Any = None) -> str:
    """An error as the Realtime API tells it; `event_id` is that of the client's event."""
    kind = error.error_type if error.http_status < 500 else "server_error"
    told = {
        "type": kind,
        "code": str(error.http_status),
        "message": error.message,
        "param": error.param,
        "event_id": event_id if isinstance(event_id, str) else None,
    }
    return orjson.dumps({"type": "error", "event_id": f"event_{uuid.uuid4().hex}", "error": told}).decode()


def _failed(event: Body, error: GatewayError) -> str:
    """The end of a response that nobody may hear."""
    told = event.get("response")
    response = {
        **(told if isinstance(told, dict) else {}),
        "status": "failed",
        "status_details": {
            "type": "failed",
            "error": {"type": error.error_type, "code": "content_filter", "message": error.message},
        },
        "output": [],
    }
    return orjson.dumps({**event, "response": response}).decode()


def _event(message: Message) -> Body | None:
    try:
        event = orjson.loads(message)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _prose(event: Body) -> list[Text]:
    return [place for place in strings(event) if place.text.strip() and last_name(place.path) not in _LABELS]


def _has_audio(event: Body) -> bool:
    """Whether an event of a client brings sound."""
    if str(event.get("type")).startswith("input_audio_buffer."):
        return True
    return any(place.path[-1] == "audio" and place.text for place in strings(event))
