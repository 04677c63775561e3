"""Streams that guardrails judge before they go out, or before they end."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import orjson

from tianji_core.api.errors import BadGatewayError, ClientClosedError, GatewayError, GuardrailBlockedError
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.guardrails.active import Window
from tianji_core.gateway.guardrails.foreign import as_answer
from tianji_core.gateway.guardrails.windows import Windows, rewritten
from tianji_core.gateway.reply import HeldStream, Push, StreamReply
from tianji_core.translate.chunks import merge_chunks, split_response
from tianji_core.wire.sse import DONE, DONE_EVENT, SSEDecoder, encode_event

Judge = Callable[..., Awaitable[Body]]
"""Gives what may go out of an answer, which may be followed by the events it came in. Raises GatewayError."""
Finish = Callable[[StreamReply, GatewayError | None], None]


async def held(call: Call, reply: StreamReply, judge: Judge, most: int) -> HeldStream:
    """Read a whole stream of at most so many bytes, have it judged, and only then let it out. Raises GatewayError."""
    pieces = await _whole(reply, most)
    chunks = reply.transform.kept()
    answer = merge_chunks(chunks)
    judged = await judge(answer, _events(pieces)) if reply.native else await judge(answer)
    if judged is not answer:
        pieces = _written(call, _in_place(call, chunks, judged))
    call.response = judged
    found = HeldStream(call, pieces)
    found.native = reply.native and judged is answer
    return found


def is_readable(reply: StreamReply) -> bool:
    """Whether a stream is text: chunks, or events of another kind, such as those of a transcription."""
    kind = reply.content_type
    return kind is None or kind.startswith(("text/", "application/json", "application/x-ndjson"))


async def held_text(call: Call, reply: StreamReply, judge: Judge, most: int) -> HeldStream:
    """As `held`, of a stream that is no chunks: every text in it is shown, and none can be changed."""
    pieces = await _whole(reply, most)
    answer = as_answer(_events(pieces))
    if await judge(answer) is not answer:
        raise GuardrailBlockedError("A guardrail wants to change this stream, and can only refuse it.")
    stream = HeldStream(call, pieces)
    stream.content_type = reply.content_type
    return stream


def answer_of(call: Call, text: str) -> Body:
    """An answer that a guardrail gives in the model's stead; it has cost what the model has cost until then."""
    usage = dict(call.usage) if call.usage else {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    head: Body = {"id": f"chatcmpl-{call.id}", "created": int(time.time()), "model": call.answering_model}
    choice: Body = {"index": 0, "finish_reason": "content_filter"}
    if call.operation == "completions":
        return {**head, "object": "text_completion", "choices": [{**choice, "text": text}], "usage": usage}
    message = {"role": "assistant", "content": text}
    return {**head, "object": "chat.completion", "choices": [{**choice, "message": message}], "usage": usage}


def said(call: Call, answer: Body) -> HeldStream:
    """An answer of the gateway's own as a stream."""
    return HeldStream(call, _written(call, split_response(answer)))


async def _whole(reply: StreamReply, most: int) -> list[bytes]:
    """All pieces of a stream. Raises GatewayError; then it is closed."""
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in reply:
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise BadGatewayError("The provider's answer is too large to be judged.")
    except GatewayError as error:
        await reply.aclose(error)
        raise
    except BaseException:
        await reply.aclose(ClientClosedError("The client closed the request."))
        raise
    return pieces


def _events(pieces: list[bytes]) -> list[Any]:
    """What is in the events of a stream, or in what is none of events."""
    events = SSEDecoder()
    return [_json(event.data) for event in (*events.feed(b"".join(pieces)), *events.finish())]


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def _in_place(call: Call, chunks: list[Body], judged: Body) -> list[Body]:
    """A judged answer in the chunks it came in; in new ones, if more than its texts has changed."""
    new = rewritten(chunks, judged)
    for chunk in new:
        chunk["model"] = call.answering_model
    if _sayings(merge_chunks(new)) == _sayings(judged):
        return new
    return split_response(judged)


def _sayings(answer: Body) -> list[Any]:
    return [{k: v for k, v in choice.items() if v is not None} for choice in answer.get("choices") or ()]


def _written(call: Call, chunks: list[Body]) -> list[bytes]:
    wanted = [chunk for chunk in chunks if chunk.get("choices") or call.wants_usage]
    return [encode_event(orjson.dumps(chunk)) for chunk in wanted] + [DONE_EVENT]


class Guarded(StreamReply):
    """A stream that goes by guardrails on its way. It ends when they are done, and `finish` is told of that."""

    def __init__(self, call: Call, reply: StreamReply, judge: Judge, finish: Finish) -> None:
        self._call = call
        self._reply = reply
        self._judge = judge
        self._finish = finish
        self._over = False
        self._pieces = self._guarded()
        self.native = reply.native

    @property
    def number(self) -> int:
        return self._reply.number

    def push_to(self, push: Push) -> None:
        """Nothing goes out but by the iteration: every piece is looked at."""

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._ended_with(None)
            raise
        except GatewayError as error:
            await self._reply.aclose(error)
            self._ended_with(error)
            raise

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
        try:
            await self._reply.aclose(error, quick=quick)
        finally:
            self._ended_with(error)
        await self._pieces.aclose()

    def _ended_with(self, error: GatewayError | None) -> None:
        if not self._over:
            self._over = True
            self._finish(self, error)

    def _guarded(self) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError


class EndStream(Guarded):
    """A stream that goes out as it comes, but for its last piece, which waits for the verdict on all of it."""

    async def _guarded(self) -> AsyncGenerator[bytes, None]:
        last = b""
        async for piece in self._reply:
            if last:
                yield last
            last = piece
        answer = merge_chunks(self._reply.transform.kept())
        self._call.response = answer
        await self._judge(answer)  # what was rewritten has gone out; the record says so
        if last:
            yield last


class WindowStream(Guarded):
    """A stream of chunks that goes out in parts, each judged with what is next to it."""

    def __init__(self, call: Call, reply: StreamReply, judge: Judge, finish: Finish, window: Window) -> None:
        super().__init__(call, reply, judge, finish)
        self._windows = Windows(window)
        self._out: list[Body] | None = None

    def keep(self) -> None:
        """Keep what goes out, for the record."""
        self._out = []

    async def _guarded(self) -> AsyncGenerator[bytes, None]:
        events, windows, judge = SSEDecoder(), self._windows, self._judge
        failure: GatewayError | None = None
        while True:
            try:
                piece = await anext(self._reply)
            except StopAsyncIteration:
                break
            except GatewayError as error:
                failure = error  # what came before it is judged and goes out, then it is told
                break
            for event in events.feed(piece):
                if event.data != DONE:
                    windows.add(orjson.loads(event.data))
            if windows.due:
                windows.judged(await judge(windows.body()))
            if out := self._released():
                yield out
        if windows.pending:
            windows.judged(await judge(windows.body()), last=True)
        if out := self._released():
            yield out
        if self._out is not None:
            self._call.response = merge_chunks(self._out)
        if failure is not None:
            raise failure
        yield DONE_EVENT

    def _released(self) -> bytes:
        chunks = list(self._windows.released())
        if self._out is not None:
            self._out += chunks
        return b"".join([encode_event(orjson.dumps(chunk)) for chunk in chunks])
