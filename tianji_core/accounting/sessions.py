"""The usage of a realtime session: what the vendor says in its events, added up.

Source: OpenAI's Realtime API reference (`response.done`: `response.usage`;
`conversation.item.input_audio_transcription.completed`: `usage`; `session.created` and `.updated`: who transcribes).
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_object

_DONE = '"response.done"'
_SESSION = '"session.'
_BEGINNING = 120
"""Characters of a message in which its type stands."""
_TRANSCRIBED = '"conversation.item.input_audio_transcription.completed"'
# A quotation mark inside of a JSON text has a backslash before it, so these stand for nothing but themselves.


class SessionUsage:
    """Looks at the vendor's messages as they pass; those that tell no usage are searched, not decoded."""

    def __init__(self, *, transcribes: bool = False) -> None:
        """`transcribes`: the session does nothing else, so that this is what its model is paid for."""
        self._transcribes = transcribes
        self._answers: Body = {}
        self._transcripts: Body = {}
        self._transcriber: str | None = None

    def see(self, message: str) -> None:
        """Take a message into account."""
        if _DONE in message:
            event = _decoded(message)
            response = event.get("response") if event.get("type") == "response.done" else None
            usage = response.get("usage") if isinstance(response, dict) else None
            if isinstance(usage, dict):
                _add(self._answers, usage)
        elif _TRANSCRIBED in message:
            usage = _decoded(message).get("usage")
            if isinstance(usage, dict):
                _add(self._transcripts, usage)
        elif _SESSION in message[:_BEGINNING]:
            self._transcriber = _transcriber(_decoded(message).get("session")) or self._transcriber

    def total(self) -> Body | None:
        """All of it in the names of chat; None if nothing was said.

        Transcripts of what the user says are made by a model of their own, at a price of its own: they are told apart,
        in `input_audio_transcription`, with the `model` if the session has named it.
        """
        if self._transcribes and not self._answers:
            return _in_chat_names(self._transcripts)
        found = _in_chat_names(self._answers)
        spoken = _in_chat_names(self._transcripts)
        if spoken is None:
            return found
        if self._transcriber is not None:
            spoken["model"] = self._transcriber
        return {**(found or _NOTHING), "input_audio_transcription": spoken}


_NOTHING: Body = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _decoded(message: str) -> Body:
    try:
        event = orjson.loads(message)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _transcriber(session: Any) -> str | None:
    """The model that makes transcripts in a session, in the form of either version of the API."""
    session = as_object(session)
    heard = as_object(as_object(session.get("audio")).get("input"))
    for found in (session.get("input_audio_transcription"), heard.get("transcription")):
        model = as_object(found).get("model")
        if isinstance(model, str) and model:
            return model
    return None


def _add(total: Body, more: Body) -> None:
    """Add up numbers by name, in place, inside of objects too; whatever else there is, is left out."""
    for name, value in more.items():
        if isinstance(value, dict):
            inner = total.setdefault(name, {})
            if isinstance(inner, dict):
                _add(inner, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            before: Any = total.get(name, 0)
            if isinstance(before, (int, float)):
                total[name] = before + value


def _in_chat_names(usage: Body) -> Body | None:
    """A usage of the Realtime API as chat tells it; tokens that nobody counted are 0."""
    if not usage:
        return None
    prompt, completion = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    found: Body = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.get("total_tokens", prompt + completion),
    }
    for name, ours in (
        ("input_token_details", "prompt_tokens_details"),
        ("output_token_details", "completion_tokens_details"),
        ("seconds", "seconds"),
    ):
        if usage.get(name):
            found[ours] = usage[name]
    return found
