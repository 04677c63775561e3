"""Bodies for Ollama: what it reads at the top level, and everything else among `options`.

Source: Ollama's API reference ("Generate a response", "Generate a chat message", "Generate embeddings") and its list of
model options, which has OpenAI's sampling parameters under mostly the same names.
"""

from __future__ import annotations

from typing import Any

from tianji_core.api.errors import BadRequestError, UnsupportedParamsError
from tianji_core.api.provider import Body
from tianji_core.translate.embeddings import texts_of
from tianji_provider_ollama.messages import chat_messages, prompt_of

CHAT_PARAMS = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    }
)
COMPLETIONS_PARAMS = frozenset(
    {"frequency_penalty", "max_tokens", "presence_penalty", "seed", "stop", "suffix", "temperature", "top_p", "user"}
)
EMBEDDINGS_PARAMS = frozenset({"dimensions", "encoding_format", "user"})
TOP_LEVEL = (
    "context",
    "dimensions",
    "format",
    "keep_alive",
    "logprobs",
    "raw",
    "shift",
    "suffix",
    "system",
    "template",
    "think",
    "top_logprobs",
    "truncate",
)
"""Members that Ollama reads beside `options`."""
_ELSEWHERE = frozenset(
    {"encoding_format", "input", "messages", "model", "options", "prompt", "stream", "stream_options", "tools", "user"}
)
_RENAMED = {"max_tokens": "num_predict", "max_completion_tokens": "num_predict"}
_TRANSLATED = frozenset({"reasoning_effort", "response_format", "tool_choice"})


def chat_body(body: Body, *, stream: bool, drop: bool) -> Body:
    """The body for `/api/chat`. Raises UnsupportedParamsError, unless `drop`, for a tool that has to be called."""
    sent = {"model": body["model"], "messages": chat_messages(body["messages"]), **_common(body, stream)}
    if tools := _tools(body, drop):
        sent["tools"] = tools
    return sent


def prompt_body(body: Body, *, stream: bool) -> Body:
    """The body for `/api/generate` of a chat without tools."""
    prompt, images = prompt_of(body["messages"])
    return {"model": body["model"], "prompt": prompt, "images": images, **_common(body, stream)}


def completion_body(body: Body, *, stream: bool) -> Body:
    """The body for `/api/generate` of a completion. Raises BadRequestError for anything but one text."""
    prompt = body["prompt"]
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequestError("Ollama takes one prompt at a time, as text.", param="prompt")
    return {"model": body["model"], "prompt": prompt, **_common(body, stream)}


def embed_body(body: Body) -> Body:
    """The body for `/api/embed`."""
    sent = {"model": body["model"], "input": texts_of(body["input"]), **_members(body)}
    return sent if sent["options"] else {key: value for key, value in sent.items() if key != "options"}


def _common(body: Body, stream: bool) -> Body:
    sent = {"stream": stream, **_members(body)}
    answer_format = _format(body.get("response_format"))
    if answer_format is not None:
        sent.setdefault("format", answer_format)
    think = _think(body.get("reasoning_effort"), str(body["model"]))
    if think is not None:
        sent.setdefault("think", think)
    return sent


def _members(body: Body) -> Body:
    """The members that mean the same everywhere, and `options` with all the others."""
    given = body.get("options")
    options: Body = {}
    for name, value in body.items():
        if name in _ELSEWHERE or name in _TRANSLATED or name in TOP_LEVEL or value is None:
            continue
        options[_RENAMED.get(name, name)] = [value] if name == "stop" and isinstance(value, str) else value
    options.update(given if isinstance(given, dict) else {})
    return {"options": options, **{name: body[name] for name in TOP_LEVEL if body.get(name) is not None}}


def _format(wanted: Any) -> Any:
    """`format` for a `response_format`: the word "json", or a schema."""
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_schema":
        schema = wanted.get("json_schema")
        found = schema.get("schema") if isinstance(schema, dict) else None
        return found if isinstance(found, dict) and found else "json"
    return "json" if kind == "json_object" else None


def _think(effort: Any, model: str) -> bool | str | None:
    """`think` for a `reasoning_effort`. gpt-oss knows three levels and is never without; all others think or do not."""
    if not isinstance(effort, str):
        return None
    if model.rpartition("/")[2].startswith("gpt-oss"):
        return {"medium": "medium", "high": "high", "xhigh": "high", "max": "high"}.get(effort, "low")
    return effort not in ("none", "disable")


def _tools(body: Body, drop: bool) -> list[Any]:
    choice = body.get("tool_choice")
    if choice not in (None, "auto", "none") and not drop:
        raise UnsupportedParamsError(
            "Ollama leaves the choice of tools to the model: tool_choice is auto or none.", param="tool_choice"
        )
    tools = body.get("tools")
    return tools if isinstance(tools, list) and choice != "none" else []
