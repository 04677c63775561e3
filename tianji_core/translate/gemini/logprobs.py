"""Log probabilities: Google keeps the chosen tokens and the likeliest ones in two lists, OpenAI one in the other."""

from __future__ import annotations

from typing import Any

from tianji_core.translate.shapes import as_list, as_object, as_text, objects


def openai_logprobs(result: Any) -> dict[str, Any] | None:
    """A candidate's `logprobsResult` in OpenAI's form; None where there is none."""
    result = as_object(result)
    chosen = objects(result.get("chosenCandidates"))
    if not chosen:
        return None
    likeliest = as_list(result.get("topCandidates"))
    content = []
    for index, each in enumerate(chosen):
        others = as_object(likeliest[index]).get("candidates") if index < len(likeliest) else None
        content.append({**_token(each), "top_logprobs": [_token(other) for other in objects(others)]})
    return {"content": content}


def _token(candidate: dict[str, Any]) -> dict[str, Any]:
    value = candidate.get("logProbability")
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return {"token": as_text(candidate.get("token")), "logprob": value if known else 0.0}
