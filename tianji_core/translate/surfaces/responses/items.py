"""Input items of a Responses request as chat messages, and reasoning that travels in them.

Reasoning of vendors whose state is bound to a signature goes to the client as `encrypted_content` and comes back with
the next request; what is in it is for that vendor alone, so it is packed and never read by the client.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.encrypted import encrypted_block

_PREFIX = "tianji:"
"""How our own packed reasoning begins, to be told from what OpenAI encrypts."""
_MARK = "tianji-account:"
_HOSTED = ("web_search_call", "file_search_call", "computer_call", "image_generation_call", "code_interpreter_call")
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}


def messages_of(items: list[Any], *, lenient: bool = False) -> list[Body]:
    """Chat messages that say the same.

    Raises BadRequestError for items that no chat has; if `lenient` they are there as text, for whoever judges them.
    """
    messages: list[Body] = []
    thinking: Body = {}
    for index, item in enumerate(items):
        kind = item.get("type") or "message" if isinstance(item, dict) else None
        if kind == "message":
            message = _message(item, index, lenient)
            if message["role"] == "assistant":
                message.update(thinking)
            thinking = {}
            messages.append(message)
        elif kind in ("function_call", "custom_tool_call"):
            thinking = _add_call(messages, _tool_call(item), thinking)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": _output(item)})
        elif kind == "reasoning":
            thinking = _thinking(item)
        elif kind in _HOSTED or (isinstance(kind, str) and kind.startswith(("mcp_", "local_shell"))):
            continue  # what ran at OpenAI: its outcome is in the text that followed
        elif lenient:
            messages.append({"role": "user", "content": as_json(item)})
        else:
            where = f"input[{index}]"
            raise BadRequestError(f"{where}: items of type {kind!r} cannot be said to this model.", param="input")
    return messages


def as_json(value: Any) -> str:
    """What chat has no words for, as text."""
    return orjson.dumps(value).decode()


def _message(item: Body, index: int, lenient: bool) -> Body:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise BadRequestError(f"input[{index}].role must be user, assistant, system or developer.", param="input")
    content = item.get("content")
    if isinstance(content, str):
        return {"role": role, "content": content}
    if not isinstance(content, list):
        raise BadRequestError(f"input[{index}].content must be a string or an array.", param="input")
    parts = [_part(part, f"input[{index}].content[{number}]", lenient) for number, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts) and (len(parts) == 1 or role == "assistant"):
        return {"role": role, "content": "".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def _part(part: Any, where: str, lenient: bool) -> Body:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return {"type": "text", "text": part.get("text") or ""}
    if kind == "refusal":
        return {"type": "text", "text": part.get("refusal") or ""}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        image: Body = {"url": part["image_url"]}
        if part.get("detail"):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_image" and isinstance(part.get("file_id"), str):
        return {"type": "file", "file": {"file_id": part["file_id"]}}
    if kind == "input_file":
        names = {"file_data": "file_data", "file_id": "file_id", "file_url": "file_id", "filename": "filename"}
        return {"type": "file", "file": {to: part[name] for name, to in names.items() if part.get(name)}}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    if lenient:
        return {"type": "text", "text": as_json(part)}
    raise BadRequestError(f"{where}: parts of type {kind!r} cannot be said to this model.", param="input")


def _tool_call(item: Body) -> Body:
    if item.get("type") == "custom_tool_call":
        arguments = orjson.dumps({"content": item.get("input") or ""}).decode()
    else:
        arguments = item.get("arguments") or "{}"
    function = {"name": item.get("name"), "arguments": arguments}
    return {"id": item.get("call_id") or item.get("id"), "type": "function", "function": function}


def _add_call(messages: list[Body], call: Body, thinking: Body) -> Body:
    """Put a call into the assistant's message before it, or into one of its own; gives the thinking that is left."""
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not thinking:
        last.setdefault("tool_calls", []).append(call)
        return {}
    messages.append({"role": "assistant", "content": None, "tool_calls": [call], **thinking})
    return {}


def _output(item: Body) -> Any:
    output = item.get("output")
    if isinstance(output, list):
        texts = [p.get("text") or "" for p in output if isinstance(p, dict) and "text" in str(p.get("type"))]
        return "".join(texts)
    return output if isinstance(output, str) else orjson.dumps(output).decode()


def _thinking(item: Body) -> Body:
    """What a reasoning item holds for the assistant's next message."""
    texts = [p.get("text") or "" for p in item.get("content") or item.get("summary") or () if isinstance(p, dict)]
    found: Body = {"reasoning_content": "\n\n".join(texts)} if any(texts) else {}
    encrypted = unmarked(item.get("encrypted_content"))[1]
    if is_packed(encrypted):
        found["thinking_blocks"] = unpacked(encrypted)
    elif isinstance(encrypted, str) and encrypted:
        found["thinking_blocks"] = [encrypted_block("\n\n".join(texts), encrypted)]
    return found


def packed(blocks: list[Body]) -> str:
    """Thinking blocks as an opaque text."""
    return _PREFIX + base64.b64encode(orjson.dumps(blocks)).decode()


def marked(encrypted: str, account: str) -> str:
    """What a vendor has encrypted, with the account that alone can read it."""
    return f"{_MARK}{account}:{encrypted}"


def unmarked(encrypted: Any) -> tuple[str | None, Any]:
    """The account and what was encrypted; None if it says none."""
    if not isinstance(encrypted, str) or not encrypted.startswith(_MARK):
        return None, encrypted
    account, _, rest = encrypted[len(_MARK) :].partition(":")
    return account, rest


def is_packed(text: Any) -> bool:
    """Whether it is a text that `packed` made."""
    return isinstance(text, str) and text.startswith(_PREFIX)


def unpacked(text: Any) -> list[Body]:
    """The blocks of a text that `packed` made; none for anybody else's."""
    if not is_packed(text):
        return []
    try:
        blocks = orjson.loads(base64.b64decode(text[len(_PREFIX) :], validate=True))
    except (binascii.Error, ValueError):
        return []
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
