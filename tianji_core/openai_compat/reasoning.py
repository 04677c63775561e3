"""Reasoning under other names and in other places than `reasoning_content`."""

from __future__ import annotations

from typing import Any

from tianji_core.api.provider import Body

OPEN, CLOSE = "<think>", "</think>"

PLAIN_MODELS = r"llama|gemma|mi[sx]tral|qwen-?2|deepseek-(coder|llm|v2|v3(-0324)?$)|phi-[1-4](?!.*reason)|allam"
"""Families of open models that answer without thinking, by their names in lower case; what is newer mostly thinks."""
THINK_MODELS = r"(^|[/_-])(r1|qwq|qwen-?3|magistral|glm-4\.[15]|minimax-m|smollm-?3)"
"""Families of open models that write their thinking into the text where nobody takes it out."""


def rename_reasoning(body: Body, member: str, name: str = "reasoning") -> None:
    """What a vendor calls `name` in each choice's message or delta (`member`) becomes `reasoning_content`.

    Vendors on the way from one name to the other send both.
    """
    for choice in body.get("choices") or ():
        message = choice.get(member) if isinstance(choice, dict) else None
        if isinstance(message, dict) and name in message:
            reasoning = message.pop(name)
            if reasoning or not message.get("reasoning_content"):
                message["reasoning_content"] = reasoning


def switch_thinking(body: Body) -> None:
    """Set the switch `thinking` that goes with a `reasoning_effort`; one that the caller has set stays."""
    effort = body.get("reasoning_effort")
    if effort is not None:
        body.setdefault("thinking", {"type": "disabled" if effort == "none" else "enabled"})


def with_blank_reasoning(messages: list[Any]) -> list[Any]:
    """The messages; a blank for reasoning that is not there beside a tool call, where that would be an error.

    Clients often do not keep what a model has thought.
    """
    return [{**m, "reasoning_content": " "} if _lacks_reasoning(m) else m for m in messages]


def _lacks_reasoning(message: Any) -> bool:
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return False
    return bool(message.get("tool_calls")) and not message.get("reasoning_content")


class ThinkSplitter:
    """Takes `<think>…</think>` at the beginning of a text out of it, however the text is cut.

    Only a tag that the text begins with (blanks aside) counts: one in the middle is the model's own words. With
    `inside` the text begins within the tag, as templates do that write the opening tag into the prompt.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self._inside = inside
        self._undecided = not inside
        self._held = ""
        self._fresh = False  # right after a tag: line ends there belong to it

    def feed(self, text: str) -> tuple[str, str]:
        """What the piece brings: (reasoning, content)."""
        self._held += text
        if self._undecided:
            start = self._held.lstrip()
            if OPEN.startswith(start[: len(OPEN)]) and len(start) < len(OPEN):
                return "", ""
            self._undecided = False
            if start.startswith(OPEN):
                self._inside = self._fresh = True
                self._held = start[len(OPEN) :]
        reasoning = ""
        if self._inside:
            self._skip_line_ends()
            end = self._held.find(CLOSE)
            if end < 0:
                keep = _tail(self._held)
                cut = len(self._held) - keep
                reasoning, self._held = self._held[:cut], self._held[cut:]
                return reasoning, ""
            reasoning, self._held = self._held[:end], self._held[end + len(CLOSE) :]
            self._inside, self._fresh = False, True
        self._skip_line_ends()
        content, self._held = self._held, ""
        return reasoning, content

    def _skip_line_ends(self) -> None:
        if self._fresh:
            self._held = self._held.lstrip("\n")
            self._fresh = not self._held

    def finish(self) -> tuple[str, str]:
        """What was held back in case a tag would come of it."""
        rest, self._held = self._held, ""
        return (rest, "") if self._inside else ("", rest)


class ThinkPatch:
    """Takes thinking out of the content of one stream's chunks, each changed in place."""

    def __init__(self) -> None:
        self._splitters: dict[object, ThinkSplitter] = {}

    def __call__(self, chunk: Body) -> None:
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if not isinstance(delta, dict):
                continue
            index = choice.get("index")
            splitter = self._splitters.setdefault(index if isinstance(index, int) else 0, ThinkSplitter())
            text = delta.get("content")
            ends = bool(choice.get("finish_reason"))
            if not (isinstance(text, str) or ends):
                continue
            reasoning, content = splitter.feed(text) if isinstance(text, str) else ("", "")
            if ends:
                more, rest = splitter.finish()
                reasoning, content = reasoning + more, content + rest
            if content or isinstance(text, str):
                delta["content"] = content
            if reasoning:
                delta["reasoning_content"] = (delta.get("reasoning_content") or "") + reasoning


def split_answer(body: Body) -> None:
    """Take thinking out of the content of a whole answer's messages in place."""
    for choice in body.get("choices") or ():
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if isinstance(message, dict) and isinstance(text, str):
            reasoning, message["content"] = split_thinking(text)
            if reasoning:
                message["reasoning_content"] = reasoning


def split_thinking(text: str) -> tuple[str | None, str]:
    """A whole text's reasoning (None without any) and what it says."""
    splitter = ThinkSplitter()
    reasoning, content = splitter.feed(text)
    more, rest = splitter.finish()
    return (reasoning + more).strip("\n") or None, content + rest


def _tail(text: str) -> int:
    """How many characters at the end may be the beginning of the closing tag."""
    for size in range(min(len(CLOSE) - 1, len(text)), 0, -1):
        if CLOSE.startswith(text[-size:]):
            return size
    return 0
