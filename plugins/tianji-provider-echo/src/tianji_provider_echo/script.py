"""What the echo provider answers, worked out from the request alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from tianji_core.api.errors import error_class_for
from tianji_core.api.provider import Body, ModelRequest
from tianji_provider_echo.schemas import example

ERROR_MODEL = re.compile(r"(?:.*/)?error-(\d{3})")
ERROR_MESSAGE = re.compile(r"\s*error (\d{3})\s*", re.IGNORECASE)
BREAK_MESSAGE = re.compile(r"\s*break off\s*", re.IGNORECASE)
CALL_MESSAGE = re.compile(r"\s*call\s+(.+)", re.IGNORECASE | re.DOTALL)
SPOKEN = frozenset({"arguments", "content", "input", "prompt", "text"})
MAX_CHOICES = 128
INTRODUCTION = (
    "I am Tianji's echo model: I need no key and no network, and I always answer the same to the same question."
)


@dataclass
class Choice:
    """One answer: text, or calls of tools as name and arguments."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    finish: str = "stop"


@dataclass
class Plan:
    """All that an answer says. `breaks_off`: a stream ends half-way, without a word."""

    choices: list[Choice]
    prompt_tokens: int
    breaks_off: bool = False

    @property
    def reasoning_tokens(self) -> int:
        return sum(words(choice.reasoning) for choice in self.choices)

    @property
    def completion_tokens(self) -> int:
        said = sum(
            words(c.text) + sum(words(f"{name} {arguments}") for name, arguments in c.calls) for c in self.choices
        )
        return said + self.reasoning_tokens


def words(text: str) -> int:
    """The echo provider's tokens: whatever stands between blanks."""
    return len(text.split())


def prompt_tokens(body: Body) -> int:
    """The words of all messages (tool calls included), of the prompt or of the input; of token arrays their length."""
    return sum(words(said) if isinstance(said, str) else 1 for said in spoken(body))


def spoken(body: Body) -> Iterator[str | int]:
    """Every text and token of a request. Without recursion: bodies may be deeper than Python's stack."""
    left: list[tuple[str, Any]] = [(key, body.get(key)) for key in ("input", "prompt", "messages")]
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            left += value.items()
        elif isinstance(value, list):
            left += [(key, each) for each in value]
        elif key in SPOKEN and isinstance(value, str | int):
            yield value


def refusal(request: ModelRequest) -> tuple[int, Body] | None:
    """Status and body of the error that the model's name or the last message asks for."""
    found = ERROR_MODEL.fullmatch(request.model) or ERROR_MESSAGE.fullmatch(last_text(request.body))
    status = int(found[1]) if found is not None else 0
    if not 400 <= status <= 599:
        return None
    kind = error_class_for(status).type
    message = f"You asked the echo provider for an error {status}, and here it is."
    return status, {"error": {"message": message, "type": kind, "param": None, "code": None}}


def error_headers(status: int) -> tuple[tuple[str, str], ...]:
    return (("retry-after", "1"),) if status in (429, 503) else ()


def last_text(body: Body) -> str:
    """What the user said last, or the prompt."""
    for message in reversed(body.get("messages") or ()):
        if isinstance(message, dict) and message.get("role") == "user":
            return text_of(message.get("content"))
    prompt = body.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def plan(request: ModelRequest) -> Plan:
    """The whole answer to a chat or completions request."""
    body = request.body
    if request.operation == "completions":
        prompts = body.get("prompt")
        several = prompts if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else [prompts]
        choices = [Choice(_completion(prompt, body)) for prompt in several]
    else:
        choices = [_chat(request)]
    count = min(max(1, body.get("n") or 1), MAX_CHOICES)
    choices = [numbered(choice, i) for choice in choices for i in range(count)]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    for choice in choices:
        _stop_at(choice, body.get("stop"))
        _cut_to(choice, limit)
    return Plan(choices, prompt_tokens(body), BREAK_MESSAGE.fullmatch(last_text(body)) is not None)


def _completion(prompt: Any, body: Body) -> str:
    text = prompt if isinstance(prompt, str) else "your tokens"
    return f"{text if body.get('echo') else ''} … {text}, says the echo."


def _chat(request: ModelRequest) -> Choice:
    body, said = request.body, last_text(request.body)
    calls = _calls(body, said)
    if calls:
        return Choice(calls=calls, finish="tool_calls")
    text = _format(body, said) or _text(request, said)
    return Choice(text, reasoning=_reasoning(request, said))


def _text(request: ModelRequest, said: str) -> str:
    messages = request.body.get("messages") or [{}]
    last = messages[-1] if isinstance(messages[-1], dict) else {}
    if last.get("role") == "tool":
        return f"The tool says: {text_of(last.get('content'))}"
    if request.model.rpartition("/")[2] == "echo-exact":
        return said
    media = _media(messages)
    if not said.strip():
        return f"You said nothing{media}, and I repeat it gladly. {INTRODUCTION}"
    return f"You said: {said}{media}\n\n{INTRODUCTION}"


def _media(messages: list[Any]) -> str:
    """How many pictures and the like the last message held, in brackets."""
    content = messages[-1].get("content") if isinstance(messages[-1], dict) else None
    kinds = [part.get("type") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    names = {"image_url": "image", "input_audio": "recording", "file": "file"}
    counted = [f"{n} {name}{'s' * (n > 1)}" for kind, name in names.items() if (n := kinds.count(kind))]
    return f" (with {', '.join(counted)})" if counted else ""


def _reasoning(request: ModelRequest, said: str) -> str:
    effort = request.body.get("reasoning_effort")
    if effort in (None, "none") and request.model.rpartition("/")[2] != "echo-think":
        return ""
    return f"The user sent {words(said)} words. I shall say them back."


def _format(body: Body, said: str) -> str:
    """JSON, if the request wants it."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return ""
    if wanted.get("type") == "json_schema":
        named = wanted.get("json_schema")
        schema = named.get("schema") if isinstance(named, dict) else None
        return orjson.dumps(example(schema or {})).decode()
    return orjson.dumps({"echo": said}).decode() if wanted.get("type") == "json_object" else ""


def _calls(body: Body, said: str) -> tuple[tuple[str, Any], ...]:
    """The calls that the message or tool_choice asks for; see the README."""
    functions = {f["name"]: f for f in map(_function, body.get("tools") or ()) if f.get("name")}
    messages = body.get("messages") or [{}]
    choice = body.get("tool_choice")
    after_tool = isinstance(messages[-1], dict) and messages[-1].get("role") == "tool"
    if not functions or choice == "none" or after_tool:
        return ()
    found = CALL_MESSAGE.fullmatch(said)
    mentioned = [name for name in functions if found and re.search(rf"\b{re.escape(name)}\b", found[1])]
    if isinstance(choice, dict):
        named = _function(choice).get("name")
        mentioned = [named] if named is not None and named in functions else []
    elif not mentioned and choice == "required":
        mentioned = [next(iter(functions))]
    mentioned.sort(key=lambda name: found[1].find(name) if found else 0)
    if body.get("parallel_tool_calls") is False:
        mentioned = mentioned[:1]
    given = _arguments(found[1]) if found and len(mentioned) == 1 else None
    return tuple(
        (name, example(functions[name].get("parameters") or {}) if given is None else given) for name in mentioned
    )


def _function(tool: Any) -> Body:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function if isinstance(function, dict) and isinstance(function.get("name"), str) else {}


def _arguments(text: str) -> Any:
    """The JSON object behind a tool's name, if there is one."""
    start = text.find("{")
    try:
        return orjson.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return None


def numbered(choice: Choice, index: int) -> Choice:
    """The choice for a given place: the first as it is, the others say which they are."""
    if not index or choice.calls:
        return Choice(choice.text, choice.reasoning, choice.calls, choice.finish)
    return Choice(f"{choice.text} ({index + 1})", choice.reasoning, (), choice.finish)


def _stop_at(choice: Choice, stop: Any) -> None:
    for mark in [stop] if isinstance(stop, str) else stop or ():
        if isinstance(mark, str) and mark and mark in choice.text:
            choice.text = choice.text.partition(mark)[0]


def _cut_to(choice: Choice, limit: Any) -> None:
    """Keep `limit` words of the text."""
    if isinstance(limit, int) and limit > 0 and not choice.calls and words(choice.text) > limit:
        kept = re.match(rf"\s*(?:\S+\s+){{{limit - 1}}}\S+", choice.text)
        choice.text, choice.finish = kept[0] if kept else "", "length"
