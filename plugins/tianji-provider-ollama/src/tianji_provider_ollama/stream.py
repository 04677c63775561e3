"""Ollama's streams: one JSON object a line, the last one with `done`.

Source: Ollama's API reference, "Streaming" (newline-delimited JSON) and "Errors" (`{"error": …}` as a line).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, StreamDecoder
from tianji_core.openai_compat.reasoning import ThinkSplitter
from tianji_core.wire.sse import MAX_EVENT_BYTES
from tianji_provider_ollama.response import NO_CLOCK, answer_id, finish_reason, logprobs, text_of, tool_calls, usage


class OllamaStreamDecoder(StreamDecoder):
    """Chunks of chat, out of the lines of `/api/chat` and `/api/generate` alike."""

    def __init__(self, model: str, parse_error: Callable[[int, Headers, bytes], GatewayError]) -> None:
        self._model = model
        self._parse_error = parse_error
        self._buffer = bytearray()
        self._head: Body = {}
        self._splitter = ThinkSplitter()
        self._calls = 0

    def feed(self, data: bytes) -> list[Body]:
        if b"\n" not in data:
            self._keep(data)
            return []
        *lines, rest = (bytes(self._buffer) + data).split(b"\n")
        self._buffer.clear()
        self._keep(rest)
        return self._chunks(lines)

    def finish(self) -> list[Body]:
        line = bytes(self._buffer)
        self._buffer.clear()
        try:
            orjson.loads(line)
        except ValueError:
            return []  # cut off in the middle of a line
        return self._chunks([line])

    def _keep(self, rest: bytes) -> None:
        if self.error is not None or self.complete:
            return
        self._buffer += rest
        if len(self._buffer) > MAX_EVENT_BYTES:
            self._buffer.clear()
            self._fail("holds a line that is too long")

    def _chunks(self, lines: list[bytes]) -> list[Body]:
        chunks: list[Body] = []
        for line in lines:
            if self.error is not None or self.complete:
                break
            if line.strip():
                chunks += self._on_line(line)
        return chunks

    def _on_line(self, line: bytes) -> list[Body]:
        try:
            value = orjson.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return self._fail("holds a line that is not a JSON object")
        if value.get("error"):
            status = value.get("status_code")
            if not isinstance(status, int) or not 400 <= status <= 599:
                status = 500
            self.error = self._parse_error(status, Headers(), line)
            return []
        return self._on_piece(value)

    def _on_piece(self, line: Body) -> list[Body]:
        done = line.get("done") is True
        thinking, text = text_of(line)
        reasoning, content = self._splitter.feed(text)
        if done:
            more, rest = self._splitter.finish()
            reasoning, content = reasoning + more, content + rest
        calls = tool_calls(line, self._calls)
        delta: Body = {"reasoning_content": thinking + reasoning, "content": content}
        delta = {name: value for name, value in delta.items() if value}
        if calls:
            delta["tool_calls"] = [{"index": self._calls + place, **call} for place, call in enumerate(calls)]
            self._calls += len(calls)
        found = logprobs(line)
        chunks = [self._chunk(line, delta, logprobs=found)] if delta or found else []
        if done:
            self.complete = True
            chunks.append(self._chunk(line, {}, finish_reason(line, called=self._calls > 0)))
            if counted := usage(line):
                chunks.append({**self._head, "choices": [], "usage": counted})
        return chunks

    def _chunk(self, line: Body, delta: Body, reason: str | None = None, logprobs: Any = None) -> Body:
        if not self._head:
            model = str(line.get("model") or self._model)
            self._head = {
                "id": answer_id(line),
                "object": "chat.completion.chunk",
                "created": NO_CLOCK,
                "model": model,
            }
            delta = {"role": "assistant", **delta}
        choice: Body = {"index": 0, "delta": delta, "finish_reason": reason}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        return {**self._head, "choices": [choice]}

    def _fail(self, what: str) -> list[Body]:
        self.error = BadGatewayError(f"The provider's stream {what}.", provider="ollama")
        return []
