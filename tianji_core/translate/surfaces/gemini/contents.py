"""Google's `contents` and system instruction as chat messages.

Sources: the `Content`, `FunctionCall` and `FunctionResponse` types of the Gemini API reference, Google's "Function
calling" and "Thought signatures" pages.
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.translate.surfaces.gemini.parts import other_text, user_part
from tianji_core.translate.surfaces.gemini.state import standard_base64, unpacked

_USERS = ("user", "function", "tool")
_WRAPPERS = ("content", "output", "result")
"""Members that stand for the whole result of a function, where they are alone in it."""


def system_message(instruction: Any) -> Body | None:
    """The system instruction as a message; None if there is none. Raises BadRequestError."""
    if instruction is None:
        return None
    if isinstance(instruction, str):
        instruction = {"parts": [{"text": instruction}]}
    texts = []
    for part in parts_of(instruction, "systemInstruction"):
        if not isinstance(part.get("text"), str):
            raise BadRequestError("systemInstruction takes parts of text only.", param="systemInstruction")
        texts.append({"type": "text", "text": part["text"]})
    texts = [text for text in texts if text["text"]]
    return {"role": "system", "content": _simplest(texts)} if texts else None


def messages_of(contents: Any, detail: str | None = None) -> list[Body]:
    """The conversation. Raises BadRequestError for what is none."""
    if not isinstance(contents, list) or not contents:
        raise BadRequestError("contents is not specified.", param="contents")
    return _Reader(detail).read(contents)


def parts_of(content: Any, where: str) -> list[Body]:
    """The parts of a content. Raises BadRequestError."""
    if not isinstance(content, dict):
        raise BadRequestError(f"{where} must be an object with parts.", param=where.partition("[")[0])
    parts = content.get("parts")
    if isinstance(parts, dict):  # one is as good as a list of one in Google's JSON
        parts = [parts]
    if not isinstance(parts or [], list) or not all(isinstance(part, dict) for part in parts or ()):
        raise BadRequestError(f"{where}.parts must be an array of objects.", param=where.partition("[")[0])
    return list(parts or ())


class _Reader:
    """Reads one conversation, remembering which calls still wait for their results."""

    def __init__(self, detail: str | None) -> None:
        self._detail = detail
        self._calls = 0
        self._waiting: list[tuple[str, str]] = []  # names and ids

    def read(self, contents: list[Any]) -> list[Body]:
        messages: list[Body] = []
        model: list[Body] = []  # what the model has said in one go, which streams cut into several contents
        for index, content in enumerate(contents):
            where = f"contents[{index}]"
            parts = parts_of(content, where)
            role = content.get("role") or "user"
            if role == "model":
                model += parts
                continue
            if role not in _USERS:
                raise BadRequestError(f"{where}: please use a valid role: user, model.", param="contents")
            if model:
                messages.append(self._model(model))
                model = []
            messages += self._user(parts, where)
        if model:
            messages.append(self._model(model))
        if not messages:
            raise BadRequestError("contents holds no parts.", param="contents")
        return messages

    def _user(self, parts: list[Body], where: str) -> list[Body]:
        """A user's turn: the results of functions first, each a message of its own, then what the user says."""
        results: list[Body] = []
        said: list[Body] = []
        for number, part in enumerate(parts):
            place = f"{where}.parts[{number}]"
            if isinstance(part.get("functionResponse"), dict):
                results.append(self._result(part["functionResponse"], place))
                # Results are text: the pictures in them follow in the user's own words.
                for each in objects(part["functionResponse"].get("parts")):
                    said += user_part(each, place, self._detail)
            else:
                said += user_part(part, place, self._detail)
        return [*results, {"role": "user", "content": _simplest(said)}] if said else results

    def _result(self, response: Body, where: str) -> Body:
        name, given = as_text(response.get("name")), as_text(response.get("id"))
        if not name and not given:
            raise BadRequestError(f"{where}.functionResponse needs a name.", param="contents")
        call = next((c for c in self._waiting if c[1] == given), None) if given else None
        call = call or next((c for c in self._waiting if c[0] == name), None)
        if call is not None:
            self._waiting.remove(call)
        ident = call[1] if call is not None else given or f"call_{name}"
        message: Body = {"role": "tool", "tool_call_id": ident, "content": _result_text(response.get("response"))}
        return message if call is not None else {**message, "name": name}

    def _model(self, parts: list[Body]) -> Body:
        """What the model did before: its thoughts, what it said, its calls, with the signatures of each."""
        texts: list[str] = []
        thoughts: list[str] = []
        images: list[Body] = []
        calls: list[Body] = []
        signatures: list[str] = []
        reasoning: Body = {}
        for part in parts:
            signature = as_text(part.get("thoughtSignature"))
            if isinstance(part.get("functionCall"), dict):
                held = unpacked(signature) if signature else None
                for name, value in (held or {}).items():
                    reasoning[name] = reasoning[name] + value if name in reasoning else value
                calls.append(self._call(part["functionCall"], "" if held is not None else signature))
                continue
            if signature:
                signatures.append(standard_base64(signature))
            blob = as_object(part.get("inlineData"))
            if isinstance(part.get("text"), str):
                (thoughts if part.get("thought") is True else texts).append(part["text"])
            elif as_text(blob.get("mimeType")).startswith("image/") and part.get("thought") is not True:
                url = f"data:{blob['mimeType']};base64,{standard_base64(as_text(blob.get('data')))}"
                images.append({"type": "image_url", "image_url": {"url": url}})
            elif text := other_text(part):
                texts.append(text)
        message: Body = {"role": "assistant", "content": "".join(texts) or None}
        # Blocks are told as text too: whoever judges the request reads that.
        told = "".join(thoughts) or "".join(
            as_text(b.get("thinking")) for b in objects(reasoning.get("thinking_blocks"))
        )
        if told:
            reasoning["reasoning_content"] = told
        message.update(reasoning)
        if calls:
            message["tool_calls"] = calls
        if images:
            message["images"] = images
        if signatures:
            message["provider_specific_fields"] = {"thought_signatures": signatures}
        if message["content"] is None and not calls:
            message["content"] = ""
        return message

    def _call(self, call: Body, signature: str) -> Body:
        self._calls += 1
        name, ident = as_text(call.get("name")), as_text(call.get("id")) or f"call_{self._calls}"
        if not name:
            raise BadRequestError("A functionCall needs a name.", param="contents")
        self._waiting.append((name, ident))
        function = {"name": name, "arguments": orjson.dumps(as_object(call.get("args"))).decode()}
        made: Body = {"id": ident, "type": "function", "function": function}
        if signature:
            made["provider_specific_fields"] = {"thought_signature": standard_base64(signature)}
        return made


def _result_text(response: Any) -> str:
    """A function's result as text: bare where an object only wraps it, else JSON."""
    if isinstance(response, dict) and len(response) == 1:
        name, value = next(iter(response.items()))
        if name in _WRAPPERS and isinstance(value, str):
            return value
    return "" if response is None else orjson.dumps(response).decode()


def _simplest(parts: list[Body]) -> str | list[Body]:
    """One plain text as a string; everything else as a list of parts."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts
