"""The texts of requests and answers in their normal form: where they stand, whose they are, new ones in their place.

A guardrail that judges texts sees all that a model reads or writes: contents, all their parts, reasoning, arguments and
results of tools, what tools are called for, prompts, queries, documents. Members that nobody knows are shown too, so
that nothing hides in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tianji_core.api.members import OWN
from tianji_core.api.provider import Body

Path = tuple[str | int, ...]
"""Members and positions that lead from a body to a value in it."""

Kind = Literal["content", "reasoning", "tool_call", "tool_result", "tool_definition", "other"]
"""What a text is: what somebody says · what a model thinks · arguments of a tool · what a tool answered · what a tool
is for · a text in a member that this module does not know."""


class Text(NamedTuple):
    """One text: `role` is that of its message, `user` where a request has no messages, `assistant` for answers."""

    text: str
    role: str
    kind: Kind
    path: Path


_PLAIN = ("prompt", "input", "instructions", "suffix", "query", "documents", "prediction")
"""Members of requests, beside the messages, whose texts are a user's."""
_NO_TEXT = frozenset(
    (
        "model", "messages", "tools", "functions", "stream", "stream_options", "user", "metadata", "n", "stop", "seed",
        "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "presence_penalty", "logit_bias",
        "frequency_penalty", "logprobs", "top_logprobs", "tool_choice", "function_call", "parallel_tool_calls",
        "response_format", "modalities", "audio", "store", "service_tier", "reasoning_effort", "reasoning", "thinking",
        "verbosity", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "encoding_format", "dimensions",
        "size", "quality", "style", "background", "moderation", "output_format", "output_compression", "voice", "speed",
        "language", "timestamp_granularities", "file", "image", "mask", "images", "include", "truncation",
        "input_type", "return_documents", "top_n", "max_tokens_per_doc", "rank_fields", "best_of", "echo",
        "partial_images", "input_fidelity", "chunking_strategy", "cache_control", "safety_settings",
    )
)  # fmt: skip
"""Members of requests that hold settings, ids and files, no prose."""


_SAID = frozenset(_PLAIN)
_KNOWN = _NO_TEXT | _SAID | OWN
_UNDESCRIBED = (_NO_TEXT | OWN) - {"tools", "functions", "response_format"}
_PLAIN_MESSAGE = frozenset({"role", "content"})


def plain_texts(body: Body) -> list[str] | None:
    """The texts of a request of the most common form, where each is the content of a message; None for any other one.

    The same as those of `request_places`, for who does not need to know where they stand.
    """
    messages = body.get("messages")
    if not (_UNDESCRIBED.issuperset(body) and isinstance(messages, list)):
        return None
    found = []
    for message in messages:
        if not (isinstance(message, dict) and _PLAIN_MESSAGE.issuperset(message)):
            return None
        content = message.get("content")
        if not isinstance(content, str):
            return None
        found.append(content)
    return found


_PLAIN_ANSWER = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint")
)  # fmt: skip


def plain_answer_texts(body: Body) -> list[str] | None:
    """The same for answers: of chats that say something and call for no tools; None for any other one."""
    choices = body.get("choices")
    if not (_PLAIN_ANSWER.issuperset(body) and isinstance(choices, list)):
        return None
    found = []
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict) or "text" in choice or any(map(message.get, _BESIDE)):
            return None
        content = message.get("content")
        if not isinstance(content, str):
            return None
        found.append(content)
    return found


def request_places(body: Body) -> list[Text]:
    """Every text of a request. What is no proper request has fewer; nothing is raised."""
    found: list[Text] = []
    for index, message in _items(body.get("messages")):
        if isinstance(message, dict):
            found += _message(message, ("messages", index), "user")
    if not _SAID.isdisjoint(body):
        for key in _PLAIN:
            if key in body:
                found += _content(body[key], (key,), "user", "content")
    for key in ("tools", "functions"):
        if key in body:
            found += _described(body[key], (key,))
    response_format = body.get("response_format")
    if isinstance(response_format, dict):
        found += _described(response_format, ("response_format",))
    for key in body:
        if key not in _KNOWN:
            found += strings(body[key], (key,))
    return found


def answer_places(body: Body) -> list[Text]:
    """Every text of an answer: of chats, completions, transcriptions, images (revised prompts) and rankings."""
    found: list[Text] = []
    for index, choice in _items(body.get("choices")):
        if not isinstance(choice, dict):
            continue
        if isinstance(choice.get("text"), str):
            found.append(Text(choice["text"], "assistant", "content", ("choices", index, "text")))
        if isinstance(choice.get("message"), dict):
            found += _message(choice["message"], ("choices", index, "message"), "assistant")
    if isinstance(body.get("text"), str):
        found.append(Text(body["text"], "assistant", "content", ("text",)))
    for key, member in (("segments", "text"), ("data", "revised_prompt")):
        for index, item in _items(body.get(key)):
            if isinstance(item, dict) and isinstance(item.get(member), str):
                found.append(Text(item[member], "assistant", "content", (key, index, member)))
    for index, result in _items(body.get("results")):
        if isinstance(result, dict) and "document" in result:
            found += _content(result["document"], ("results", index, "document"), "assistant", "content")
    return found


def has_unreadable(body: Body) -> bool:
    """Whether a request has a prompt or an input in token ids: a text that nobody can read here."""
    return ("prompt" in body or "input" in body) and (_has_number(body.get("prompt")) or _has_number(body.get("input")))


def images(body: Body) -> list[str]:
    """The addresses (`https:` or `data:`) of all pictures in a request's messages."""
    found = []
    for _, message in _items(body.get("messages")):
        for _, part in _items(message.get("content") if isinstance(message, dict) else None):
            image = part.get("image_url") if isinstance(part, dict) else None
            url = image.get("url") if isinstance(image, dict) else image
            if isinstance(url, str):
                found.append(url)
    return found


def replaced(body: Body, texts: Mapping[Path, str]) -> Body:
    """The body with other texts in these places. What is not on the way to one of them is shared, not copied.

    What else tells the old text goes: log-probabilities of a choice, single words of a transcription, spoken audio.
    """
    new = dict(body)
    copied: set[int] = set()
    for path, text in texts.items():
        _put(new, path, text, copied)
        if path[0] == "choices" and new["choices"][path[1]].get("logprobs") is not None:
            _put(new, (*path[:2], "logprobs"), None, copied)
        if path[-2:] == ("audio", "transcript"):
            _put(new, (*path[:-1], "data"), "", copied)
        if path[0] in ("text", "segments"):
            new.pop("words", None)
    return new


def strings(value: Any, path: Path = ()) -> Iterator[Text]:
    """Every string in a JSON value, in order, as texts that nobody knows more about; nesting costs no stack."""
    stack: list[tuple[Any, _Way]] = [(value, None)]
    while stack:
        item, way = stack.pop()
        if isinstance(item, str):
            yield Text(item, "user", "other", _path(path, way))
        elif isinstance(item, list):
            stack.extend((each, (way, index)) for index, each in reversed(list(enumerate(item))))
        elif isinstance(item, dict):
            stack.extend((each, (way, key)) for key, each in reversed(item.items()))


_Way = tuple[Any, str | int] | None
"""The way to a value that is looked at: that to what holds it, and the last step. So each step is kept once only, and a
body of many lists in each other takes no more than its size."""


def _path(base: Path, way: _Way) -> Path:
    steps: list[str | int] = []
    while way is not None:
        way, step = way
        steps.append(step)
    return (*base, *reversed(steps))


def last_name(path: Path) -> str:
    """The member that a value is in, or in whose list; "" if there is none."""
    return next((step for step in reversed(path) if isinstance(step, str)), "")


_TOOLS = frozenset({"tool", "function"})


_BESIDE = (
    "reasoning_content", "reasoning", "refusal", "thinking_blocks", "audio", "tool_calls", "function_call"
)  # fmt: skip
"""Where messages have texts beside their content."""


def _message(message: Body, path: Path, role: str) -> list[Text]:
    said, content = message.get("role"), message.get("content")
    role = said if isinstance(said, str) else role
    kind: Kind = "tool_result" if role in _TOOLS else "content"
    found: list[Text] = []
    if isinstance(content, str):
        found.append(Text(content, role, kind, (*path, "content")))
    elif content is not None:
        found += _content(content, (*path, "content"), role, kind)
    if any(map(message.get, _BESIDE)):
        found += _beside_content(message, path, role)
    return found


def _beside_content(message: Body, path: Path, role: str) -> Iterator[Text]:
    for key in ("reasoning_content", "reasoning", "refusal"):
        if isinstance(message.get(key), str):
            yield Text(message[key], role, "content" if key == "refusal" else "reasoning", (*path, key))
    for index, block in _items(message.get("thinking_blocks")):
        if isinstance(block, dict) and isinstance(block.get("thinking"), str):
            yield Text(block["thinking"], role, "reasoning", (*path, "thinking_blocks", index, "thinking"))
    audio = message.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("transcript"), str):
        yield Text(audio["transcript"], role, "content", (*path, "audio", "transcript"))
    for index, call in _items(message.get("tool_calls")):
        for key, member in (("function", "arguments"), ("custom", "input")):
            of = call.get(key) if isinstance(call, dict) else None
            if isinstance(of, dict) and isinstance(of.get(member), str):
                yield Text(of[member], role, "tool_call", (*path, "tool_calls", index, key, member))
    function = message.get("function_call")
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        yield Text(function["arguments"], role, "tool_call", (*path, "function_call", "arguments"))


_MEDIA = frozenset({"image_url", "input_audio", "file", "image", "video_url", "base64"})
"""Types of parts, and of what is in them, that are no text."""
_LABELS = frozenset({"type", "id", "cache_control", "media_type", "mime_type"})
"""Members of parts that are no prose."""


def _content(value: Any, path: Path, role: str, kind: Kind) -> Iterator[Text]:
    """A string, parts, strings among parts, documents; nesting costs no stack."""
    stack: list[tuple[Any, _Way]] = [(value, None)]
    while stack:
        item, way = stack.pop()
        if isinstance(item, str):
            yield Text(item, role, kind, _path(path, way))
        elif isinstance(item, list):
            stack.extend((each, (way, index)) for index, each in reversed(list(enumerate(item))))
        elif isinstance(item, dict) and not _is_media(item.get("type")):
            labels = _LABELS if "type" in item else ()  # a document without one is fields, all of which are read
            stack.extend((each, (way, key)) for key, each in reversed(item.items()) if key not in labels)


def _is_media(kind: Any) -> bool:
    return isinstance(kind, str) and kind in _MEDIA


def _described(value: Any, path: Path) -> Iterator[Text]:
    """What tools and schemas say of themselves to the model."""
    for found in strings(value, path):
        if found.path[-1] == "description":
            yield found._replace(kind="tool_definition")


def _items(value: Any) -> Iterator[tuple[int, Any]]:
    """The items of a list, if it is one; a body may hold anything that is JSON."""
    return enumerate(value) if isinstance(value, list) else enumerate(())


def _has_number(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return any(isinstance(item, int) or (isinstance(item, list) and _has_number(item)) for item in value[:1])


def _put(new: Any, path: Path, value: Any, copied: set[int]) -> None:
    """Set a value; every container on the way is copied, once: those of `copied` (and `new` itself) are ours."""
    for step in path[:-1]:
        child = new[step]
        if id(child) not in copied:
            child = dict(child) if isinstance(child, dict) else list(child)
            copied.add(id(child))
            new[step] = child
        new = child
    new[path[-1]] = value
