"""Streams that are judged in parts: what of their chunks may go out, and when.

Every text of a stream (the content of a choice, its reasoning, the arguments of each tool call) is a lane. A lane lets
go of what was judged, but for its last characters: what comes next might belong to them. Chunks keep their order and
their shape; where a text was rewritten, the new one is put into the chunks that held the old.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from tianji_core.api.provider import Body
from tianji_core.gateway.guardrails.active import Window

LaneKey = tuple[Any, ...]
"""The index of a choice, what kind of text it is, and which of several."""

_PLAIN = ("content", "reasoning_content", "reasoning", "refusal")


class Slot:
    """One piece of a lane: where in its chunk it stands."""

    __slots__ = ("choice", "holder", "key", "text", "waits")

    def __init__(self, waits: Waiting, choice: Body, holder: Body, key: str, text: str) -> None:
        self.waits = waits
        self.choice = choice
        self.holder = holder
        self.key = key
        self.text = text

    def let_go(self, text: str) -> None:
        if text != self.text:
            self.holder[self.key] = text
            if self.choice.get("logprobs") is not None:
                self.choice["logprobs"] = None  # they spell the old text
        self.waits.open_slots -= 1


class Waiting:
    """A chunk, and how many of its texts are not judged yet."""

    __slots__ = ("chunk", "open_slots")

    def __init__(self, chunk: Body) -> None:
        self.chunk = chunk
        self.open_slots = 0


class Lane:
    """One text of the stream, as far as it has not gone out."""

    __slots__ = ("after", "before", "closed", "length", "name", "new", "slots")

    def __init__(self) -> None:
        self.slots: deque[Slot] = deque()
        self.length = 0
        self.new = 0
        """Characters that nobody has judged yet."""
        self.before = ""
        """The end of what has gone out."""
        self.closed = False
        self.name = ""

    def add(self, slot: Slot) -> None:
        self.slots.append(slot)
        self.length += len(slot.text)
        self.new += len(slot.text)
        self.closed = False
        slot.waits.open_slots += 1

    @property
    def text(self) -> str:
        """What is to be judged: the pending text, after the end of what has gone out."""
        return self.before + "".join(slot.text for slot in self.slots)

    def judged(self, new: str, overlap: int, *, last: bool) -> None:
        """Let go of what may go, now that `new` is to stand in place of `text`. `last`: no more of this will come."""
        old = self.text
        self.new = 0
        whole = last or self.closed
        if new.endswith(old[len(self.before) :]):
            self._let_go(self._cut(self.length if whole else self.length - overlap), None, overlap)
            return
        start = min(_common(self.before, new), len(self.before))
        if whole:
            self._let_go(len(self.slots), new[start:], overlap)
            return
        same_end = _common_end(old[start:], new[start:])
        count = self._cut(self.length - overlap)
        kept = self.length - sum(len(slot.text) for slot in list(self.slots)[:count])
        if kept <= same_end:
            self._let_go(count, new[start : len(new) - kept], overlap)

    def _cut(self, most: int) -> int:
        """How many slots there are in the first `most` characters."""
        total = count = 0
        for slot in self.slots:
            total += len(slot.text)
            if total > most:
                break
            count += 1
        return count

    def _let_go(self, count: int, text: str | None, overlap: int) -> None:
        """Let the first slots go, with a rewritten text spread over them."""
        gone = [self.slots.popleft() for _ in range(count)]
        old = "".join(slot.text for slot in gone)
        self.length -= len(old)
        self.before = (self.before + (old if text is None else text))[-overlap:] if overlap else ""
        for number, slot in enumerate(gone):
            if text is None:
                slot.let_go(slot.text)
            elif number == count - 1:
                slot.let_go(text)
            else:
                slot.let_go(text[: len(slot.text)])
                text = text[len(slot.text) :]


class Windows:
    """The chunks of one stream on their way through the guardrails.

    Add chunks; when `due`, have `body` judged and say what came of it to `judged`; then take what `released` gives.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._waiting: deque[Waiting] = deque()
        self._lanes: dict[LaneKey, Lane] = {}
        self._head: Body = {}
        self._current: dict[Any, LaneKey] = {}

    def add(self, chunk: Body) -> None:
        """Take the next chunk, which is ours from now on."""
        if not self._head:
            self._head = {name: value for name, value in chunk.items() if name not in ("choices", "usage")}
        waits = Waiting(chunk)
        self._waiting.append(waits)
        for choice in chunk.get("choices") or ():
            index = choice.get("index", 0)
            for key, name, holder, member in _texts(choice):
                lane = self._lanes.get((index, *key))
                if lane is None:
                    lane = self._lanes[(index, *key)] = Lane()
                lane.name = name or lane.name
                lane.add(Slot(waits, choice, holder, member, holder[member]))
                self._now_at(index, (index, *key))
            if choice.get("finish_reason"):
                self._now_at(index, None)

    def _now_at(self, index: Any, key: LaneKey | None) -> None:
        """A choice goes on with another text: the one before it is at its end, most likely."""
        before = self._current.get(index)
        if before is not None and before != key:
            self._lanes[before].closed = True
        if key is not None:
            self._current[index] = key

    @property
    def due(self) -> bool:
        """Whether there is enough new text to be judged. What is held for longer is looked at less often."""
        return any(lane.new >= max(self._window.size, lane.length // 2) for lane in self._lanes.values())

    @property
    def pending(self) -> bool:
        """Whether anything waits to be judged."""
        return any(lane.slots for lane in self._lanes.values())

    def body(self) -> Body:
        """What waits, as an answer."""
        completions = self._head.get("object") == "text_completion"
        choices: dict[Any, Body] = {}
        for key, lane in self._lanes.items():
            if not lane.slots:
                continue
            choice = choices.setdefault(key[0], {"index": key[0], "finish_reason": None})
            if completions:
                choice["text"] = lane.text
                continue
            _say(choice.setdefault("message", {"role": "assistant", "content": None}), key, lane)
        kind = "text_completion" if completions else "chat.completion"
        return {**self._head, "object": kind, "choices": list(choices.values())}

    def judged(self, body: Body, *, last: bool = False) -> None:
        """What `body` gave may be said in these words. `last`: the stream is at its end."""
        said = {choice.get("index"): choice for choice in body.get("choices") or ()}
        for key, lane in self._lanes.items():
            if lane.slots:
                lane.judged(_said(said.get(key[0]) or {}, key), self._window.overlap, last=last)

    def released(self) -> Iterator[Body]:
        """The chunks that may go out now, in order."""
        waiting = self._waiting
        while waiting and not waiting[0].open_slots:
            yield waiting.popleft().chunk


def rewritten(chunks: list[Body], answer: Body) -> list[Body]:
    """The chunks of a whole stream with the texts of `answer` in them."""
    windows = Windows(Window(0, 0))
    for chunk in chunks:
        windows.add(own(chunk))
    windows.judged(answer, last=True)
    return list(windows.released())


def own(value: Any) -> Any:
    """A copy of a chunk, with all that is in it."""
    if isinstance(value, dict):
        return {name: own(each) for name, each in value.items()}
    return [own(each) for each in value] if isinstance(value, list) else value


def _texts(choice: Body) -> Iterator[tuple[LaneKey, str, Body, str]]:
    """The texts of a chunk's choice: their lane, the name of the tool, and where they stand."""
    if isinstance(choice.get("text"), str) and choice["text"]:
        yield ("text",), "", choice, "text"
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    for member in _PLAIN:
        if isinstance(delta.get(member), str) and delta[member]:
            yield (member,), "", delta, member
    for block in delta.get("thinking_blocks") or ():
        if isinstance(block, dict) and isinstance(block.get("thinking"), str) and block["thinking"]:
            yield ("thinking",), "", block, "thinking"
    audio = delta.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("transcript"), str) and audio["transcript"]:
        yield ("audio",), "", audio, "transcript"
    calls = [(("tool", call.get("index", 0)), call.get("function")) for call in delta.get("tool_calls") or ()]
    for key, function in [*calls, (("function",), delta.get("function_call"))]:
        if isinstance(function, dict) and isinstance(function.get("arguments"), str) and function["arguments"]:
            yield key, function.get("name") or "", function, "arguments"


def _say(message: Body, key: LaneKey, lane: Lane) -> None:
    """Put a lane's text where `_said` finds it."""
    kind = key[1]
    if kind in _PLAIN:
        message[kind] = lane.text
    elif kind == "thinking":
        message["thinking_blocks"] = [{"type": "thinking", "thinking": lane.text}]
    elif kind == "audio":
        message["audio"] = {"transcript": lane.text}
    elif kind == "tool":
        function = {"name": lane.name, "arguments": lane.text}
        message.setdefault("tool_calls", []).append(
            {"index": key[2], "id": None, "type": "function", "function": function}
        )
    else:
        message["function_call"] = {"name": lane.name, "arguments": lane.text}


def _said(choice: Body, key: LaneKey) -> str:
    """A lane's text in an answer; "" where the answer has none."""
    kind = key[1]
    message = choice.get("message") or {}
    if kind == "text":
        found = choice.get("text")
    elif kind in _PLAIN:
        found = message.get(kind)
    elif kind == "thinking":
        found = "".join(block.get("thinking") or "" for block in message.get("thinking_blocks") or ())
    elif kind == "audio":
        found = (message.get("audio") or {}).get("transcript")
    elif kind == "tool":
        calls = list(message.get("tool_calls") or ())
        by_index = {call.get("index", number): call for number, call in enumerate(calls)}
        found = (by_index.get(key[2], {}).get("function") or {}).get("arguments")
    else:
        found = (message.get("function_call") or {}).get("arguments")
    return found if isinstance(found, str) else ""


def _common(one: str, other: str) -> int:
    """The length of the beginning that two texts share."""
    if other.startswith(one):
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _common_end(one: str, other: str) -> int:
    return _common(one[::-1], other[::-1])
