"""From an answer of Cohere's `/v2/chat` to a chat completion.

Source: Cohere's "Chat" API reference; its page on citations.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadGatewayError, GatewayError, InternalServerError, RequestTimeoutError
from tianji_core.api.provider import Body

FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}
FAILED = {"ERROR": InternalServerError, "TIMEOUT": RequestTimeoutError}


def chat_answer(answer: Body, model: str) -> Body:
    """The chat completion. Raises GatewayError for an answer that failed, or that is none."""
    said = answer.get("message")
    if not isinstance(said, dict):
        raise BadGatewayError("The provider's answer holds no message.")
    reason = answer.get("finish_reason")
    error = failure(reason, None)
    if error is not None:
        raise error
    text, thinking = _texts(said.get("content"))
    calls = [call for call in map(tool_call, said.get("tool_calls") or ()) if call is not None]
    message: Body = {"role": "assistant", "content": text or (None if calls else "")}
    plan = said.get("tool_plan")
    reasoning = "\n".join(part for part in (thinking, plan) if isinstance(part, str) and part)
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    citations = [each for each in said.get("citations") or () if isinstance(each, dict)]
    if citations:
        message["annotations"] = [note for each in citations for note in url_citations(each)]
    if own := specific_fields(plan, citations):
        message["provider_specific_fields"] = own
    choice: Body = {"index": 0, "message": message, "finish_reason": finish_reason(reason, bool(calls))}
    logprobs = [entry for each in answer.get("logprobs") or () for entry in token_logprobs(each)]
    if logprobs:
        choice["logprobs"] = {"content": logprobs, "refusal": None}
    converted: Body = {
        "id": str(answer.get("id") or ""),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
    }
    usage = chat_usage(answer.get("usage"))
    return converted if usage is None else {**converted, "usage": usage}


def _texts(content: Any) -> tuple[str, str]:
    """What is said, and what was thought."""
    if isinstance(content, str):
        return content, ""
    text, thinking = "", ""
    for part in content or ():
        if isinstance(part, dict):
            text += _text(part.get("text"))
            thinking += _text(part.get("thinking"))
    return text, thinking


def tool_call(call: Any) -> Body | None:
    """A call in OpenAI's form; no arguments are an empty object."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return None
    named = {"name": _text(function.get("name")), "arguments": _text(function.get("arguments")) or "{}"}
    return {"id": _text(call.get("id")), "type": "function", "function": named}


def url_citations(citation: Body) -> list[Body]:
    """A citation as `url_citation` annotations, one for each source; one without an address is named by its id."""
    found = []
    for source in citation.get("sources") or ():
        if not isinstance(source, dict):
            continue
        document = source.get("document")
        document = document if isinstance(document, dict) else {}
        place = {"start_index": citation.get("start"), "end_index": citation.get("end")}
        url = _text(document.get("url")) or f"source:{_text(source.get('id'))}"
        found.append(
            {"type": "url_citation", "url_citation": {**place, "title": _text(document.get("title")), "url": url}}
        )
    return found


def specific_fields(plan: Any, citations: list[Body]) -> Body:
    """What is Cohere's alone: the plan, which it wants back, and the citations in full."""
    fields: Body = {"tool_plan": plan} if plan and isinstance(plan, str) else {}
    return {**fields, "citations": citations} if citations else fields


def token_logprobs(item: Any) -> list[Body]:
    """A piece of text with the log probability of its tokens together."""
    values = item.get("logprobs") if isinstance(item, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        return []
    text = _text(item.get("text"))
    return [{"token": text, "logprob": sum(values), "bytes": list(text.encode()), "top_logprobs": []}]


def failure(reason: Any, detail: Any) -> GatewayError | None:
    """The error that a finish reason means."""
    cls = FAILED.get(reason) if isinstance(reason, str) else None
    if cls is None:
        return None
    return cls(_text(detail)[:2000] or f"The provider stopped with {reason}.")


def finish_reason(reason: Any, has_calls: bool) -> str:
    if has_calls and reason != "MAX_TOKENS":
        return "tool_calls"
    return FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"


def chat_usage(usage: Any) -> Body | None:
    """OpenAI's counts of all tokens, of which Cohere bills fewer; None if nothing was counted."""
    usage = usage if isinstance(usage, dict) else {}
    billed = usage.get("billed_units")
    for counted in (usage.get("tokens"), billed):
        if not isinstance(counted, dict):
            continue
        prompt, completion = count(counted.get("input_tokens")), count(counted.get("output_tokens"))
        if prompt is None and completion is None:
            continue
        prompt, completion = prompt or 0, completion or 0
        converted: Body = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        cached = count(usage.get("cached_tokens"))
        if cached is not None:
            converted["prompt_tokens_details"] = {"cached_tokens": min(cached, prompt)}
        units = count(billed.get("search_units")) if isinstance(billed, dict) else None
        return converted if units is None else {**converted, "search_units": units}
    return None


def count(value: Any) -> int | None:
    """A number of tokens; Cohere's are numbers with a point now and then."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return int(value) if good else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
