"""Answers whose content comes in parts: reasoning and text, in whole answers and in deltas.

`[{"type": "reasoning", "summary": [{"type": "summary_text", "text", "signature"}]}, {"type": "text", "text"}]`, see
https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body


def read_content(body: Body, member: str) -> None:
    """Turn the parts of each choice's message or delta (`member`) into OpenAI's shape, in place."""
    for choice in body.get("choices") or ():
        message = choice.get(member) if isinstance(choice, dict) else None
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            _read(message, [part for part in message["content"] if isinstance(part, dict)])


def _read(message: Body, parts: list[Body]) -> None:
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    blocks = [
        _thinking_block(summary)
        for part in parts
        if part.get("type") == "reasoning"
        for summary in part.get("summary") or ()
        if isinstance(summary, dict)
    ]
    message["content"] = "".join(texts) if texts else None
    reasoning = "".join(block["thinking"] for block in blocks)
    if reasoning:
        message["reasoning_content"] = reasoning
    signed = [block for block in blocks if block["thinking"] or block.get("signature")]
    if signed:
        message["thinking_blocks"] = signed
    notes = [note for part in parts for cited in part.get("citations") or () if (note := _annotation(cited))]
    if notes:
        message["annotations"] = notes


def _thinking_block(summary: Body) -> Body:
    text, signature = summary.get("text"), summary.get("signature")
    block: Body = {"type": "thinking", "thinking": text if isinstance(text, str) else ""}
    return {**block, "signature": signature} if isinstance(signature, str) and signature else block


def _annotation(cited: Any) -> Body | None:
    """A citation of a page as OpenAI tells it; where in the text it belongs is not said."""
    url = cited.get("url") if isinstance(cited, dict) else None
    if not isinstance(url, str):
        return None
    return {"type": "url_citation", "url_citation": {"url": url, "title": cited.get("title") or ""}}


def count_cached(body: Body) -> None:
    """Claude's counts of cached tokens become details of the prompt's, which hold them as OpenAI's do."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return
    counts = [usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")]
    read, written = [count if type(count) is int else 0 for count in counts]
    if not read and not written:
        return
    prompt, total = usage.get("prompt_tokens"), usage.get("total_tokens")
    if type(prompt) is int and prompt < read + written:  # counted without them
        usage["prompt_tokens"] = prompt + read + written
        if type(total) is int:
            usage["total_tokens"] = total + read + written
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    usage["prompt_tokens_details"] = {"cached_tokens": read, "cache_write_tokens": written, **details}
