"""Log probabilities: Together asks for them by a number, and answers in columns, in a stream by one number a chunk.

See https://docs.together.ai/docs/logprobs.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body


def ask_logprobs(body: Body) -> None:
    """`logprobs: true` and `top_logprobs: 3` become `logprobs: 3`, in place."""
    top = body.pop("top_logprobs", None)
    if "logprobs" in body and isinstance(body["logprobs"], bool):
        body["logprobs"] = (top or 1) if body["logprobs"] else 0


def level_logprobs(body: Body) -> None:
    """OpenAI's form of what Together tells, in place. What has that form already stays."""
    for choice in body.get("choices") or ():
        told = choice.get("logprobs") if isinstance(choice, dict) else None
        tokens: Any = None
        if isinstance(told, dict):
            tokens, probabilities = told.get("tokens"), told.get("token_logprobs")
        elif isinstance(told, int | float) and not isinstance(told, bool):
            delta = choice.get("delta")
            tokens, probabilities = [delta.get("content") if isinstance(delta, dict) else None], [told]
        if isinstance(tokens, list) and isinstance(probabilities, list):
            pairs = zip(tokens, probabilities, strict=False)
            choice["logprobs"] = {"content": [_entry(t, p) for t, p in pairs if p is not None], "refusal": None}


def _entry(token: Any, probability: Any) -> Body:
    text = token if isinstance(token, str) else ""
    data = list(text.encode("utf-8", "replace"))
    return {"token": text, "logprob": probability, "bytes": data, "top_logprobs": []}
