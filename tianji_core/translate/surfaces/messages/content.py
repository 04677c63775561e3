"""Content blocks of Messages as chat messages."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body


def system_message(system: Any) -> Body | None:
    """The system prompt as a message; None if there is none. Cache markers stay on their parts."""
    if isinstance(system, str):
        return {"role": "system", "content": system} if system else None
    if not isinstance(system, list):
        return None
    parts = [_text_part(block) for block in system if isinstance(block, dict) and block.get("text")]
    return {"role": "system", "content": _simplest(parts)} if parts else None


def user_messages(content: str | list[Any], index: int) -> list[Body]:
    """A user's turn: the results of tools first, each a message of its own, then what the user says."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[Body] = []
    parts: list[Body] = []
    for number, block in enumerate(content):
        where = f"messages[{index}].content[{number}]"
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "tool_result":
            result, images = _tool_result(block, where)
            results.append(result)
            parts += images
        else:
            parts += user_parts(block, where)
    said = [{"role": "user", "content": _simplest(parts)}] if parts else []
    return results + said


def user_parts(block: Any, where: str) -> list[Body]:
    """A block that a user may send, as content parts. Raises BadRequestError for one that no chat has."""
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        return [_text_part(block)]
    if kind == "container_upload":
        return [_marked(_uploaded(block, where), block)]
    if kind == "image" and _is_uploaded(block.get("source")):
        return [_marked(_uploaded(block["source"], where), block)]
    if kind == "image":
        return [_marked({"type": "image_url", "image_url": {"url": _address(block.get("source"), where)}}, block)]
    if kind == "document":
        return [_marked(_document(block, where), block)]
    if kind == "search_result":
        text = "\n".join(str(part.get("text", "")) for part in block.get("content") or () if isinstance(part, dict))
        return [{"type": "text", "text": f"{block.get('title', '')}\n{block.get('source', '')}\n{text}".strip()}]
    raise BadRequestError(f"{where}: blocks of type {kind!r} cannot be said to this model.", param="messages")


def _tool_result(block: Body, where: str) -> tuple[Body, list[Body]]:
    """A tool's result as a message. Images in it follow in the user's own words: tool messages are text."""
    content = block.get("content")
    texts: list[str] = []
    images: list[Body] = []
    if isinstance(content, str):
        texts.append(content)
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("text", "")))
        elif kind in ("image", "document"):
            images += user_parts(part, where)
        else:
            texts.append(orjson.dumps(part).decode())
    text = "\n".join(texts)
    if block.get("is_error") is True:
        text = f"Error: {text}" if text else "Error"
    message: Body = {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": text}
    if block.get("cache_control"):
        message["cache_control"] = block["cache_control"]
    return message, images


def assistant_message(content: str | list[Any], index: int) -> Body:
    """What the assistant said before: text, tool calls, and its thinking for the vendor whose it is."""
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts: list[Body] = []
    calls: list[Body] = []
    thinking: list[Body] = []
    for number, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(_text_part(block))
        elif kind == "tool_use":
            calls.append(_tool_call(block))
        elif kind in ("thinking", "redacted_thinking"):
            thinking.append({key: value for key, value in block.items() if key != "cache_control"})
        elif isinstance(kind, str) and (kind == "server_tool_use" or kind.endswith("_tool_result")):
            continue  # what ran at Anthropic: its outcome is in the text
        else:
            where = f"messages[{index}].content[{number}]"
            raise BadRequestError(f"{where}: an assistant has no blocks of type {kind!r}.", param="messages")
    message: Body = {"role": "assistant", "content": _simplest(texts) if texts else None}
    if calls:
        message["tool_calls"] = calls
    if thinking:
        message["thinking_blocks"] = thinking
        text = "".join(str(block.get("thinking", "")) for block in thinking)
        if text:
            message["reasoning_content"] = text
    return message


def _tool_call(block: Body) -> Body:
    arguments = orjson.dumps(block.get("input") or {}).decode()
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {"name": block.get("name"), "arguments": arguments},
    }


def _text_part(block: Body) -> Body:
    return _marked({"type": "text", "text": block.get("text", "")}, block)


def _marked(part: Body, block: Body) -> Body:
    """The part with the block's cache marker, which only vendors that cache by markers get to see."""
    return {**part, "cache_control": block["cache_control"]} if block.get("cache_control") else part


def _simplest(parts: list[Body]) -> str | list[Body]:
    """One plain text as a string; everything else as a list of parts."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def _address(source: Any, where: str) -> str:
    kind = source.get("type") if isinstance(source, dict) else None
    if kind == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    if kind == "url" and isinstance(source.get("url"), str):
        url: str = source["url"]
        return url
    raise BadRequestError(f"{where}.source: {kind!r} cannot be said to this model.", param="messages")


def _is_uploaded(source: Any) -> bool:
    return isinstance(source, dict) and source.get("type") == "file"


def _uploaded(source: Body, where: str) -> Body:
    """A file that is at the vendor already, by its id."""
    if not isinstance(source.get("file_id"), str):
        raise BadRequestError(f"{where}: file_id: Field required.", param="messages")
    return {"type": "file", "file": {"file_id": source["file_id"]}}


def _document(block: Body, where: str) -> Body:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    if kind == "text" and isinstance(source, dict):
        title = f"{block['title']}\n" if block.get("title") else ""
        return {"type": "text", "text": f"{title}{source.get('data', '')}"}
    if kind == "content" and isinstance(source, dict):
        parts = source.get("content")
        text = parts if isinstance(parts, str) else "\n".join(str(p.get("text", "")) for p in parts or ())
        return {"type": "text", "text": text}
    if isinstance(source, dict) and kind == "file":
        return _uploaded(source, where)
    return {
        "type": "file",
        "file": {"filename": block.get("title") or "document.pdf", "file_data": _address(source, where)},
    }
