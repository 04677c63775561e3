"""Predictions, and what becomes of one: an answer, or an error.

Source: Replicate's HTTP API reference, "Predictions" (status, output, error, metrics, urls).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tianji_core.api.errors import (
    BadGatewayError,
    GatewayError,
    InternalServerError,
    RequestTimeoutError,
)
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body
from tianji_core.openai_compat.errors import MAX_MESSAGE, classify, is_content_policy, is_context_window
from tianji_core.openai_compat.reasoning import split_thinking
from tianji_core.translate.media import parse_data_uri

ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})
NAME = "replicate"
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_CONTEXT_TEXTS = ("input is too long", "prompt length exceeds", "context length")
_POLICY_TEXTS = ("nsfw", "flagged as sensitive", "content moderation", "safety system")
_WAIT = re.compile(r"available in ~?(\d+(?:\.\d+)?)\s*s")


def read(body: bytes) -> Body:
    """A prediction. Raises BadGatewayError if it is none."""
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("status"), str):
        raise BadGatewayError("The provider's answer is not a prediction.", provider=NAME)
    return value


def id_of(prediction: Body) -> str:
    """Its id, which becomes a part of addresses. Raises BadGatewayError if it could not be one."""
    found = prediction.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise BadGatewayError("The provider's prediction has no id.", provider=NAME)
    return found


def stream_of(prediction: Body) -> str | None:
    """The address of its stream, if the model has one."""
    urls = prediction.get("urls")
    found = urls.get("stream") if isinstance(urls, dict) else None
    return found if isinstance(found, str) and found.startswith(("https://", "http://")) else None


def check(prediction: Body) -> None:
    """Raise the error of a prediction that has not succeeded."""
    status = prediction["status"]
    if status != "succeeded":
        raise failure(prediction.get("error"), status)


def failure(error: Any, status: str = "failed") -> GatewayError:
    """The error of a prediction that ended otherwise than well: `error` is whatever the model printed.

    What the prompt is to blame for is told apart; everything else may go well when it is tried again.
    """
    if status == "canceled":
        return InternalServerError("The prediction was canceled.", provider=NAME, code=status)
    if status == "aborted":
        return RequestTimeoutError("The prediction did not start in time.", provider=NAME, code=status)
    if status != "failed":
        return BadGatewayError("The provider's prediction has not ended.", provider=NAME)
    text = error if isinstance(error, str) and error.strip() else "The prediction failed."
    if (code := _code_of(text)) is not None:
        return classify(400, text, code=code, provider=NAME)
    return InternalServerError(text[:MAX_MESSAGE], provider=NAME, code=status)


def chat_answer(prediction: Body, model: str) -> Body:
    """The answer that a prediction which has succeeded holds."""
    reasoning, content = split_thinking(output_text(prediction.get("output")))
    message: Body = {"role": "assistant", "content": content}
    if reasoning:
        message["reasoning_content"] = reasoning
    answer: Body = {
        "id": id_of(prediction),
        "object": "chat.completion",
        "created": 0,  # the gateway has the clock
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    counted = usage(prediction)
    return answer if counted is None else {**answer, "usage": counted}


def images_answer(prediction: Body) -> Body:
    """Images as addresses, which are good for an hour, or as base64 if `follow` has fetched them."""
    output = prediction.get("output")
    urls = [url for url in (output if isinstance(output, list) else [output]) if isinstance(url, str) and url]
    if not urls:
        raise BadGatewayError("The provider's prediction holds no images.", provider=NAME)
    data = [parse_data_uri(url) for url in urls]
    return {
        "created": 0,
        "data": [
            {"url": url} if found is None else {"b64_json": found.base64} for url, found in zip(urls, data, strict=True)
        ],
    }


def output_text(output: Any) -> str:
    """What a model has said: a text, or the pieces of one. Anything else is shown as JSON."""
    if output is None or isinstance(output, str):
        return output or ""
    if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    return orjson.dumps(output).decode()


def usage(prediction: Body) -> Body | None:
    """What the vendor has counted. Only language models have these counts."""
    metrics = prediction.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    prompt, completion = metrics.get("input_token_count"), metrics.get("output_token_count")
    if type(prompt) is not int or type(completion) is not int or prompt < 0 or completion < 0:
        return None
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def parse_error(status: int, headers: Headers, body: bytes) -> GatewayError:
    """The error of an answer outside 2xx: `{"title", "detail", "status", "type"}`. Never raises."""
    try:
        value = orjson.loads(body)
    except ValueError:
        value = None
    fields = value if isinstance(value, dict) else {}
    texts = [fields.get(name) for name in ("detail", "error", "title")]
    text = next((t for t in texts if isinstance(t, str) and t.strip()), None) or _plain(body, value, status)
    error = classify(status, text, code=_code_of(text), provider=NAME, headers=headers)
    wait = _WAIT.search(text)
    if error.retry_after is None and status == 429 and wait:
        error.retry_after = float(wait[1])
    return error


def _code_of(text: str) -> str | None:
    """OpenAI's code for what the prompt is to blame for."""
    lowered = text.lower()
    if any(found in lowered for found in _CONTEXT_TEXTS) or is_context_window(lowered):
        return "context_length_exceeded"
    if any(found in lowered for found in _POLICY_TEXTS) or is_content_policy(lowered):
        return "content_policy_violation"
    return None


def _plain(body: bytes, value: Any, status: int) -> str:
    text = body[:500].decode("utf-8", "replace").strip()
    if value is None and text and text.isprintable() and text[0] not in "<{[":
        return text
    return f"The provider answered with status {status} and no readable message."
