"""Items of conversations that somebody keeps: as they are kept, and as vendors get them again."""

from __future__ import annotations

from collections.abc import Iterable
from operator import is_
from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.translate.surfaces.responses.items import is_packed, unmarked
from tianji_core.translate.tool_ids import plain_id

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
    return [_said_again(item) for item in items]


def said_to(body: Body, account: str | None) -> Body:
    """A request for a vendor of Responses, by one of its accounts: nothing in it that only others could read.

    Reasoning of other vendors and other accounts is left out, and what Gemini puts into the ids of calls.
    """
    given = body.get("input")
    if not isinstance(given, list):
        return body
    items = [said for item in given if (said := _said_to(item, account)) is not None]
    same = len(items) == len(given) and all(map(is_, items, given))
    return body if same else {**body, "input": items}


def last_account(items: Any) -> str | None:
    """The account that has encrypted the last item that says so."""
    for item in reversed(items) if isinstance(items, list) else ():
        if isinstance(item, dict) and "encrypted_content" in item:
            account, _ = unmarked(item["encrypted_content"])
            if account is not None:
                return account
    return None


def _said_to(item: Any, account: str | None) -> Any:
    if not isinstance(item, dict):
        return item
    if "encrypted_content" in item:
        whose, encrypted = unmarked(item["encrypted_content"])
        if item.get("type") == "reasoning" and (is_packed(encrypted) or (whose is not None and whose != account)):
            return None
        return item if whose is None else {**item, "encrypted_content": encrypted}
    call_id = item.get("call_id")
    if isinstance(call_id, str) and (plain := plain_id(call_id)) != call_id:
        return {**item, "call_id": plain}
    return item


def _said_again(item: Body) -> Body:
    found = {name: value for name, value in item.items() if name not in _STORED_ONLY}
    content = found.get("content")
    if found.get("type") == "message" and isinstance(content, list):
        found["content"] = [
            {name: value for name, value in part.items() if name != "logprobs"} if isinstance(part, dict) else part
            for part in content
        ]
    return found
