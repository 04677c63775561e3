"""Messages with nothing in them that Mistral does not know: it refuses what is extra (422 `extra_forbidden`)."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body

MEMBERS = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "assistant": ("role", "content", "tool_calls", "prefix"),
    "tool": ("role", "content", "tool_call_id", "name"),
}


def plain_messages(messages: list[Any]) -> list[Any]:
    """The messages; an assistant's that says nothing and calls nothing is left out, since it is refused."""
    return [
        _plain(message) if isinstance(message, dict) else message
        for message in messages
        if not (isinstance(message, dict) and _says_nothing(message))
    ]


def _says_nothing(message: Body) -> bool:
    return message.get("role") == "assistant" and not message.get("content") and not message.get("tool_calls")


def _plain(message: Body) -> Body:
    members = MEMBERS.get(str(message.get("role")))
    plain = {key: value for key, value in message.items() if members is None or key in members}
    if isinstance(plain.get("content"), list):
        plain["content"] = [_part(part) for part in plain["content"]]
    if isinstance(plain.get("tool_calls"), list):
        plain["tool_calls"] = [
            {key: value for key, value in call.items() if key in ("id", "type", "function")}
            for call in plain["tool_calls"]
            if isinstance(call, dict)
        ]
    return plain


def _part(part: Any) -> Any:
    """Files are documents by address, data URIs included; audio is its base64 alone."""
    kind = part.get("type") if isinstance(part, dict) else None
    media = part.get(kind) if isinstance(kind, str) else None
    if kind == "file" and isinstance(media, dict):
        address = media.get("file_data") or media.get("url")
        if isinstance(address, str):
            named = {"document_name": media["filename"]} if isinstance(media.get("filename"), str) else {}
            return {"type": "document_url", "document_url": address, **named}
        ident = media.get("file_id")
        if isinstance(ident, str):
            return (
                _part({"type": "file", "file": {"url": ident}})
                if "://" in ident
                else {"type": "file", "file_id": ident}
            )
    if kind == "input_audio" and isinstance(media, dict):
        return {"type": "input_audio", "input_audio": media.get("data")}
    return part
