"""Chat messages as Google's `contents` and system instruction.

Sources: Google's "Text generation" (roles, system instructions), "Function calling" (results, parallel calls) and
"Thought signatures" pages.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.translate.gemini.media import Part, content_parts
from tianji_core.translate.gemini.models import Traits
from tianji_core.translate.gemini.names import FunctionNames
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.tool_ids import plain_id, split_id

NO_SIGNATURE = base64.b64encode(b"skip_thought_signature_validator").decode()
"""Stands for the signature of a call that has none, because another model made it; named on Google's page."""
EMPTY_PROMPT = "."
"""The user's turn where there is only a system prompt, since there has to be one; the text LiteLLM sends."""
BESIDE_MEDIA = " "
"""The text beside pictures and files that come without any; the one LiteLLM sends."""


@dataclass(slots=True)
class Conversation:
    """`contents`, and the parts of the system instruction."""

    system: list[Part] = field(default_factory=list)
    contents: list[dict[str, Any]] = field(default_factory=list)
    _open: str = ""

    def add(self, role: str, parts: list[Part], kind: str | None = None) -> None:
        """Add parts to the turn that is open, or open one. Results of functions are turns of their own."""
        if not parts:
            return
        if (kind or role) == self._open:
            self.contents[-1]["parts"].extend(parts)
            return
        self._open = kind or role
        self.contents.append({"role": role, "parts": parts})


def chat_to_contents(messages: list[Any], traits: Traits, names: FunctionNames | None = None) -> Conversation:
    """The conversation that these chat messages are. Nothing given is changed. Raises BadRequestError."""
    return _Reader(traits, names or FunctionNames()).read(messages)


class _Reader:
    """Reads one conversation, remembering which call had which function's name."""

    def __init__(self, traits: Traits, names: FunctionNames) -> None:
        self._traits = traits
        self._names = names
        self._called: dict[str, str] = {}

    def read(self, messages: list[Any]) -> Conversation:
        conversation = Conversation()
        for index, message in enumerate(messages):
            message, where = as_object(message), f"messages[{index}]"
            role = message.get("role")
            if role in ("system", "developer"):
                conversation.system += content_parts(message.get("content"), where)
            elif role == "user":
                conversation.add("user", _user_parts(message.get("content"), where))
            elif role == "assistant":
                conversation.add("model", self._model_parts(message, where))
            elif role in ("tool", "function"):
                conversation.add("user", self._result_parts(message, where), "results")
            else:
                raise BadRequestError(f"{where}: unknown role {role!r}.", param="messages")
        if conversation.system and not self._traits.system:
            conversation.contents.insert(0, {"role": "user", "parts": conversation.system})
            conversation.system = []
        if not conversation.contents:
            conversation.add("user", [{"text": EMPTY_PROMPT}])
        return conversation

    def _model_parts(self, message: dict[str, Any], where: str) -> list[Part]:
        """An assistant's message: what Google's own tools did, text, pictures, calls, with the signatures of each."""
        extra = as_object(message.get("provider_specific_fields"))
        texts = [part for part in content_parts(_spoken(message.get("content")), where) if part.get("text") != ""]
        images = [{"type": "image_url", **image} for image in objects(message.get("images"))]
        calls = [self._call(call, where) for call in objects(message.get("tool_calls"))]
        if isinstance(function := message.get("function_call"), dict):
            calls.append(self._call({"function": function}, where))
        of_calls = {call.get("thoughtSignature") for call in calls}
        signatures = [s for s in as_list(extra.get("thought_signatures")) if isinstance(s, str) and s not in of_calls]
        if texts and signatures:
            texts[-1] = {**texts[-1], "thoughtSignature": signatures[-1]}
        if calls and self._traits.signs_calls and "thoughtSignature" not in calls[0]:
            calls[0]["thoughtSignature"] = NO_SIGNATURE
        own = [dict(part) for part in objects(extra.get("gemini_parts"))]
        return [*own, *texts, *content_parts(images, where), *calls]

    def _call(self, call: dict[str, Any], where: str) -> Part:
        function = as_object(call.get("function"))
        name = self._names.to_vendor(as_text(function.get("name")))
        if not name:
            raise BadRequestError(f"{where}: a tool call needs function.name.", param="messages")
        call_id, signature = split_id(as_text(call.get("id")))
        self._called[call_id] = name
        made: Part = {"name": name, "args": _arguments(function.get("arguments"))}
        if self._traits.call_ids and call_id:
            made["id"] = call_id
        signature = signature or _signature_beside(call)
        return {"functionCall": made, "thoughtSignature": signature} if signature else {"functionCall": made}

    def _result_parts(self, message: dict[str, Any], where: str) -> list[Part]:
        """The result of a call. Google wants the function's name, which only the call itself tells."""
        call_id = plain_id(as_text(message.get("tool_call_id")))
        name = self._called.get(call_id) or self._names.to_vendor(as_text(message.get("name")))
        if not name:
            raise BadRequestError(f"{where}: no earlier message calls {call_id!r}.", param="messages")
        parts = content_parts(message.get("content"), where)
        media = [part for part in parts if "text" not in part]
        response: Part = {"name": name, "response": _response("".join(part.get("text", "") for part in parts))}
        if self._traits.call_ids and call_id:
            response["id"] = call_id
        if media and self._traits.media_in_results:
            response["parts"] = media
            media = []
        return [{"functionResponse": response}, *media]


def _user_parts(content: Any, where: str) -> list[Part]:
    parts = content_parts(content, where)
    if not any(part.get("text") for part in parts):
        parts = [*(part for part in parts if "text" not in part), {"text": BESIDE_MEDIA}]
    return parts


def _spoken(content: Any) -> Any:
    """Content without thinking: thoughts are not sent back, their signatures are elsewhere."""
    if not isinstance(content, list):
        return content
    return [p for p in content if as_object(p).get("type") not in ("thinking", "redacted_thinking")]


def _signature_beside(call: dict[str, Any]) -> str | None:
    """The signature in the members that clients may keep: ours (and LiteLLM's), or those of Google's own OpenAI API."""
    fields = as_object(call.get("provider_specific_fields"))
    google = as_object(as_object(call.get("extra_content")).get("google"))
    return as_text(fields.get("thought_signature")) or as_text(google.get("thought_signature")) or None


def _arguments(arguments: Any) -> dict[str, Any]:
    """A call's arguments, which OpenAI keeps as a string of JSON."""
    if isinstance(arguments, dict):
        return arguments
    text = as_text(arguments)
    if not text.strip():
        return {}
    try:
        value = orjson.loads(text)
    except ValueError:
        return {"invalid_json": text}
    return value if isinstance(value, dict) else {"value": value}


def _response(text: str) -> dict[str, Any]:
    """A result as the object that Google wants: as it is, or wrapped as LiteLLM wraps it."""
    try:
        value = orjson.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"content": text}
