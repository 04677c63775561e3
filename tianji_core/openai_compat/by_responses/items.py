"""Chat messages as the input items of a Responses request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.encrypted import encrypted_of
from tianji_core.translate.shapes import as_object, as_text, objects
from tianji_core.translate.tool_ids import plain_id

FILENAME = "document.pdf"
"""For files without a name, which the vendor wants."""


def input_of(messages: list[Any], system: str | None, *, instructs: bool = True) -> tuple[str | None, list[Body]]:
    """Instructions, which are the system messages at the beginning, and items for the rest.

    `system` is the role that the model wants in place of `system` and `developer` further down. Without `instructs`
    all system messages become items. Raises BadRequestError for what no item can say.
    """
    start = 0
    instructions: list[str] = []
    for message in messages:
        text = _plain_text(message.get("content"))
        if message.get("role") not in ("system", "developer") or text is None:
            break
        instructions.append(text)
        start += 1
    if not instructs or start == len(messages):  # there has to be something to answer to
        instructions, start = [], 0
    items = [item for at, m in enumerate(messages[start:], start) for item in _items(m, f"messages[{at}]", system)]
    return "\n".join(instructions) or None, items


def _items(message: Body, where: str, system: str | None) -> Iterator[Body]:
    role = message.get("role")
    if role in ("system", "developer"):
        yield _message(system or role, _parts(message.get("content"), where))
    elif role == "user":
        yield _message("user", _parts(message.get("content"), where))
    elif role == "assistant":
        yield from _assistant(message, where)
    elif role == "tool":
        call_id = plain_id(as_text(message.get("tool_call_id")))
        yield {"type": "function_call_output", "call_id": call_id, "output": _output(message.get("content"), where)}
    else:
        raise BadRequestError(f"{where}: role {role!r} cannot be said to this model.", param="messages")


def _message(role: str, content: list[Body]) -> Body:
    return {"type": "message", "role": role, "content": content}


def _assistant(message: Body, where: str) -> Iterator[Body]:
    """What the assistant thought (if it was OpenAI's), said and called."""
    for block in objects(message.get("thinking_blocks")):
        encrypted = encrypted_of(block)
        if encrypted is not None:
            text = as_text(block.get("thinking"))
            summary = [{"type": "summary_text", "text": text}] if text else []
            # Without an id: nothing was stored under it, and it would be looked up.
            yield {"type": "reasoning", "summary": summary, "encrypted_content": encrypted}
    said = _said(message.get("content"), where)
    if message.get("refusal"):
        said.append({"type": "refusal", "refusal": message["refusal"]})
    if said:
        yield _message("assistant", said)
    for call in objects(message.get("tool_calls")):
        function = as_object(call.get("function"))
        if not function:
            raise BadRequestError(f"{where}: only calls of functions can be said to this model.", param="messages")
        yield {
            "type": "function_call",
            "call_id": plain_id(as_text(call.get("id"))),
            "name": function.get("name"),
            "arguments": function.get("arguments") or "{}",
        }
    if message.get("function_call"):
        raise BadRequestError(f"{where}: function_call cannot be said to this model.", param="messages")


def _said(content: Any, where: str) -> list[Body]:
    if isinstance(content, str):
        return [{"type": "output_text", "text": content}] if content else []
    found: list[Body] = []
    for part in objects(content):
        kind = part.get("type")
        if kind == "refusal":
            found.append({"type": "refusal", "refusal": part.get("refusal") or ""})
        elif kind == "text":
            found.append({"type": "output_text", "text": part.get("text") or ""})
        elif kind not in ("thinking", "redacted_thinking"):
            raise BadRequestError(f"{where}: an assistant says no {kind!r} here.", param="messages")
    return found


def _output(content: Any, where: str) -> str | list[Body]:
    """A tool's result: text as one string, and a list of parts only where there is something else in it."""
    text = _plain_text(content)
    return _parts(content, where) if text is None else text


def _plain_text(content: Any) -> str | None:
    """Content that is nothing but text, None for any other."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = objects(content)
    if len(parts) != len(content) or any(part.get("type") != "text" for part in parts):
        return None
    return "\n".join(as_text(part.get("text")) for part in parts)


def _parts(content: Any, where: str) -> list[Body]:
    if content is None or isinstance(content, str):
        return [{"type": "input_text", "text": content or ""}]
    return [_part(part, f"{where}.content[{at}]") for at, part in enumerate(content)]


def _part(part: Any, where: str) -> Body:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return {"type": "input_text", "text": part.get("text") or ""}
    if kind == "image_url":
        image = part.get("image_url")
        image = {"url": image} if isinstance(image, str) else as_object(image)
        return {"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail") or "auto"}
    if kind == "file":
        return _file(as_object(part.get("file")))
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    if isinstance(kind, str) and kind.startswith("input_"):  # in the vendor's form already
        return {key: value for key, value in part.items() if key != "cache_control"}
    raise BadRequestError(f"{where}: parts of type {kind!r} cannot be said to this model.", param="messages")


def _file(file: Body) -> Body:
    found: Body = {"type": "input_file"}
    for name in ("file_id", "file_data", "file_url", "url"):
        value = file.get(name)
        if value:
            address = name != "file_data" and isinstance(value, str) and "://" in value[:16]
            found["file_url" if address else name] = value
    if "file_data" in found or file.get("filename"):
        found["filename"] = file.get("filename") or FILENAME
    return found
