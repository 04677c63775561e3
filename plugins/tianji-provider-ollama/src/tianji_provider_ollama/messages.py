"""OpenAI's messages as Ollama's: text in one piece, images beside it, tool arguments as objects.

Source: Ollama's API reference, "Generate a chat message" and "Tool calling".
"""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError, UnsupportedCapabilityError
from tianji_core.api.provider import Body
from tianji_core.translate.media import parse_data_uri

ROLES = {"developer": "system", "function": "tool"}
HEADINGS = {"system": "System", "developer": "System", "assistant": "Assistant"}


def chat_messages(messages: list[Any]) -> list[Body]:
    """Messages for `/api/chat`. A tool's result says which tool it is of, which OpenAI's tells by the call's id."""
    tools: dict[str, str] = {}
    return [_chat_message(message, tools) for message in messages if isinstance(message, dict)]


def prompt_of(messages: list[Any]) -> tuple[str, list[str]]:
    """One prompt for `/api/generate`, each message under a heading with its role, and the images of all messages."""
    prompt, images = "", []
    for message in messages:
        if isinstance(message, dict):
            text, more = content_of(message.get("content"))
            prompt += f"### {HEADINGS.get(str(message.get('role')), 'User')}:\n{text}\n\n"
            images += more
    return prompt, images


def has_tools(body: Body) -> bool:
    """Whether a body speaks of tools, for which a prompt has no words."""
    return bool(body.get("tools")) or any(
        isinstance(m, dict) and (m.get("tool_calls") or m.get("function_call") or m.get("role") in ("tool", "function"))
        for m in body.get("messages") or ()
    )


def content_of(content: Any) -> tuple[str, list[str]]:
    """The text of a message, and its images as base64. Raises UnsupportedCapabilityError for other kinds of input."""
    if content is None or isinstance(content, str):
        return content or "", []
    text, images = "", []
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            text += str(part.get("text") or "")
        elif kind == "refusal":
            text += str(part.get("refusal") or "")
        elif kind == "image_url":
            images.append(_image(part.get("image_url")))
        elif kind not in ("thinking", "redacted_thinking"):
            raise UnsupportedCapabilityError(f"Ollama takes text and images, no {kind} parts.", param="messages")
    return text, images


def _image(media: Any) -> str:
    url = media.get("url") if isinstance(media, dict) else media
    if not isinstance(url, str) or not url:
        raise BadRequestError("An image_url part needs a url.", param="messages")
    data = parse_data_uri(url)
    if data is not None:
        return data.base64
    if "://" in url:  # `prepare` has put data in place of every address it may fetch
        raise BadRequestError("An image's address is neither http nor https.", param="messages")
    return url  # bare base64, which Ollama's own clients send


def _chat_message(message: Body, tools: dict[str, str]) -> Body:
    role = str(message.get("role"))
    text, images = content_of(message.get("content"))
    converted: Body = {"role": ROLES.get(role, role), "content": text, "images": images}
    if role == "assistant":
        calls = _calls(message, tools)
        if calls:
            converted["tool_calls"] = calls
        if isinstance(message.get("reasoning_content"), str) and message["reasoning_content"]:
            converted["thinking"] = message["reasoning_content"]
    elif role in ("tool", "function"):
        call = message.get("tool_call_id")
        name = tools.get(str(call)) or message.get("name")
        converted.update({key: value for key, value in (("tool_name", name), ("tool_call_id", call)) if value})
    return converted


def _calls(message: Body, tools: dict[str, str]) -> list[Body]:
    given = message.get("tool_calls")
    calls = [call for call in given if isinstance(call, dict)] if isinstance(given, list) else []
    if not calls and isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    converted = []
    for call in calls:
        function = call.get("function")
        if not isinstance(function, dict):
            function = {}
        name = str(function.get("name") or "")
        tools[str(call.get("id"))] = name
        named = {"id": call["id"]} if call.get("id") else {}
        converted.append({**named, "function": {"name": name, "arguments": _arguments(function.get("arguments"))}})
    return converted


def _arguments(arguments: Any) -> Body:
    """Arguments as the object that Ollama wants; what a model once wrote that is no object is kept as text."""
    try:
        value = orjson.loads(arguments) if isinstance(arguments, str) and arguments else arguments
    except ValueError:
        value = arguments
    return value if isinstance(value, dict) else {"invalid_json": value} if value else {}
