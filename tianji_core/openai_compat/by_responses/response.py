"""A Response as a chat answer. Whatever a vendor may send is read; what makes no sense is left out."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body
from tianji_core.openai_compat.stream import error_status
from tianji_core.translate.encrypted import encrypted_block
from tianji_core.translate.shapes import as_list, as_object, as_text, objects
from tianji_core.translate.surfaces.responses.response import native_usage

BREAK = "\n\n"
"""Between the parts of a summary, and between messages."""

MAX_TIME = 2**53
"""What a JSON number is sure to hold; OpenAI writes times as fractions at times."""

_BAD_REQUEST = ("invalid_", "image_", "empty_image", "unsupported_image", "failed_to_download", "bio_policy")
"""How the codes of failures begin that the request is to blame for."""


def chat_answer(response: Body) -> Body:
    """The answer of a Response that has ended well."""
    message, logprobs = _message(response)
    choice: Body = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(response, calls=bool(message.get("tool_calls"))),
    }
    if logprobs:
        choice["logprobs"] = {"content": logprobs, "refusal": None}
    answer: Body = {**head(response), "object": "chat.completion", "choices": [choice]}
    if response.get("service_tier"):
        answer["service_tier"] = response["service_tier"]
    usage = native_usage(response)
    if usage is not None:
        usage.pop("service_tier", None)
        answer["usage"] = usage
    return answer


def head(response: Body) -> Body:
    """Id, time and model, as chat names them."""
    created = response.get("created_at")
    return {
        "id": as_text(response.get("id")),
        "created": int(created) if isinstance(created, (int, float)) and 0 <= created < MAX_TIME else 0,
        "model": as_text(response.get("model")),
    }


def finish_reason(response: Body, *, calls: bool) -> str:
    """Why it ended, in chat's words."""
    if response.get("status") == "incomplete":
        reason = as_object(response.get("incomplete_details")).get("reason")
        if reason == "content_filter":
            return "content_filter"
        if reason == "max_output_tokens" or not calls:
            return "length"
    return "tool_calls" if calls else "stop"


def failure(error: Any) -> tuple[int, Body]:
    """The HTTP status and the body that a failure told inside an answer would have come with."""
    error = as_object(error)
    code = as_text(error.get("code"))
    status = 400 if code.startswith(_BAD_REQUEST) else error_status(error)
    return status, {"error": {"message": "The response failed.", **{k: v for k, v in error.items() if v is not None}}}


def _message(response: Body) -> tuple[Body, list[Any]]:
    texts: list[str] = []
    refusals: list[str] = []
    reasons: list[str] = []
    calls: list[Body] = []
    blocks: list[Body] = []
    annotations: list[Body] = []
    logprobs: list[Any] = []
    for item in objects(response.get("output")):
        kind = item.get("type")
        if kind == "message":
            text, cited = message_text(item, len(BREAK.join(texts)) + len(BREAK) if texts else 0)
            texts += [text] if text else []
            annotations += cited
            refusals += [as_text(p.get("refusal")) for p in objects(item.get("content")) if p.get("type") == "refusal"]
            logprobs += [lp for part in objects(item.get("content")) for lp in as_list(part.get("logprobs"))]
        elif kind == "function_call":
            calls.append(tool_call(item))
        elif kind == "reasoning":
            text = reasoning_text(item)
            reasons += [text] if text else []
            blocks += thinking_blocks(text, item)
    message: Body = {"role": "assistant", "content": BREAK.join(texts) if texts else None}
    found = {
        "refusal": "".join(refusals),
        "reasoning_content": BREAK.join(reasons),
        "thinking_blocks": blocks,
        "annotations": annotations,
        "tool_calls": calls,
    }
    message.update((name, value) for name, value in found.items() if value)
    return message, logprobs


def message_text(item: Body, offset: int) -> tuple[str, list[Body]]:
    """What a message says, and its annotations; `offset` is where it begins in the text of the whole answer."""
    text = ""
    annotations: list[Body] = []
    for part in objects(item.get("content")):
        if part.get("type") == "output_text":
            annotations += [annotation(a, offset + len(text)) for a in objects(part.get("annotations"))]
            text += as_text(part.get("text"))
    return text, annotations


def annotation(flat: Body, offset: int) -> Body:
    """An annotation as chat nests it, its indexes counted in the text of the whole answer."""
    kind = as_text(flat.get("type")) or "url_citation"
    inner = {name: value for name, value in flat.items() if name != "type"}
    for name in ("start_index", "end_index"):
        if type(inner.get(name)) is int:
            inner[name] += offset
    return {"type": kind, kind: inner}


def tool_call(item: Body) -> Body:
    """A call, with the id that its result is sent back with."""
    function = {"name": as_text(item.get("name")), "arguments": as_text(item.get("arguments")) or "{}"}
    return {"id": as_text(item.get("call_id")) or as_text(item.get("id")), "type": "function", "function": function}


def reasoning_text(item: Body) -> str:
    """The summary of a reasoning item; of open models the reasoning itself."""
    parts = objects(item.get("summary")) or objects(item.get("content"))
    return BREAK.join(filter(None, (as_text(part.get("text")) for part in parts)))


def thinking_blocks(text: str, item: Body) -> list[Body]:
    """The block that carries a reasoning item to the client and back, if it has a state to carry, or a text."""
    encrypted = as_text(item.get("encrypted_content"))
    if encrypted:
        return [encrypted_block(text, encrypted)]
    return [{"type": "thinking", "thinking": text}] if text else []
