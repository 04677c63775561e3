"""Items of conversations that somebody keeps: as they are kept, and as vendors get them again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.responses.items import is_packed

_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
"""How OpenAI's ids of items begin."""
_STORED_ONLY = ("id", "status")
"""Members by which a vendor would look an item up that it has never stored."""


def input_items(given: Any, ident: str) -> list[Body]:
    """The input of a request as items, each with its own id, made of that of the Response.

    Raises BadRequestError for input that is neither a text nor a list of objects.
    """
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise BadRequestError("Missing required parameter: 'input'.", param="input")
    return [_item(item, index, ident.removeprefix("resp_")) for index, item in enumerate(given)]


def _item(given: Any, index: int, suffix: str) -> Body:
    if not isinstance(given, dict):
        raise BadRequestError(f"input[{index}] must be an object.", param="input")
    kind = given.get("type") or "message"
    item = {"id": f"{_PREFIXES.get(kind, 'item')}_{suffix}_{index}", **given, "type": kind}
    if kind == "message":
        item.setdefault("status", "completed")
        content = item.get("content")
        if isinstance(content, str):
            said = {"type": "output_text", "text": content, "annotations": []}
            asked = {"type": "input_text", "text": content}
            item["content"] = [said if item.get("role") == "assistant" else asked]
    return item


def said_again(items: Iterable[Body]) -> list[Body]:
    """Kept items as a vendor of Responses takes them that has not kept them."""
    return [_said_again(item) for item in items if not _is_foreign(item)]


def without_foreign(items: list[Any]) -> list[Any]:
    """The items without reasoning of other vendors, which this one could not read; the same list if there is none."""
    kept = [item for item in items if not _is_foreign(item)]
    return kept if len(kept) < len(items) else items


def _is_foreign(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and is_packed(item.get("encrypted_content"))


def _said_again(item: Body) -> Body:
    found = {name: value for name, value in item.items() if name not in _STORED_ONLY}
    content = found.get("content")
    if found.get("type") == "message" and isinstance(content, list):
        found["content"] = [
            {name: value for name, value in part.items() if name != "logprobs"} if isinstance(part, dict) else part
            for part in content
        ]
    return found
