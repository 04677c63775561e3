"""The legacy completions API over a chat model: prompt to messages, chat answers to completion answers."""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body

_NOT_IN_CHAT = frozenset({"prompt", "suffix", "echo", "best_of", "logprobs"})


def completions_to_chat(body: Body) -> Body:
    """A completions request as a chat request. A list of prompts becomes one message for each text.

    Raises BadRequestError for token arrays, which only the model's own tokenizer could read.
    """
    prompt = body["prompt"]
    texts = prompt if isinstance(prompt, list) else [prompt]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError("This model takes prompts as text, not as arrays of tokens.", param="prompt")
    chat = {key: value for key, value in body.items() if key not in _NOT_IN_CHAT}
    chat["messages"] = [{"role": "user", "content": text} for text in texts]
    logprobs = body.get("logprobs")
    if isinstance(logprobs, int) and not isinstance(logprobs, bool) and logprobs > 0:
        chat["logprobs"], chat["top_logprobs"] = True, logprobs
    return chat


def chat_to_completion(body: Body) -> Body:
    """A chat answer as a completions answer."""
    choices = [
        {
            "finish_reason": choice.get("finish_reason"),
            "index": choice.get("index", 0),
            "text": (choice.get("message") or {}).get("content") or "",
            "logprobs": _legacy_logprobs(choice.get("logprobs")),
        }
        for choice in body.get("choices") or ()
    ]
    return _completion(body, choices)


def chat_chunk_to_completion(chunk: Body) -> Body:
    """A chunk of a chat stream as a chunk of a completions stream."""
    choices = [
        {
            "text": (choice.get("delta") or {}).get("content") or "",
            "index": choice.get("index", 0),
            "logprobs": _legacy_logprobs(choice.get("logprobs")),
            "finish_reason": choice.get("finish_reason"),
        }
        for choice in chunk.get("choices") or ()
    ]
    return _completion(chunk, choices)


def _completion(source: Body, choices: list[Body]) -> Body:
    kept = {k: v for k, v in source.items() if k in ("id", "created", "model", "usage", "system_fingerprint")}
    return {**kept, "object": "text_completion", "choices": choices}


def _legacy_logprobs(logprobs: Any) -> Body | None:
    """Chat logprobs in the shape of the completions API: parallel lists, with the offsets into the text."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return None
    tokens: list[str] = []
    values: list[float] = []
    tops: list[dict[str, float]] = []
    offsets: list[int] = []
    offset = 0
    for entry in logprobs["content"]:
        tokens.append(entry.get("token", ""))
        values.append(entry.get("logprob", 0.0))
        tops.append({t.get("token", ""): t.get("logprob", 0.0) for t in entry.get("top_logprobs") or ()})
        offsets.append(offset)
        offset += len(entry.get("token", ""))
    return {"tokens": tokens, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}
