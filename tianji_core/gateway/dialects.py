"""The dialect that the client speaks, where it is not OpenAI's chat: its requests, and its answers."""

from __future__ import annotations

from typing import Any

import orjson

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.members import OWN
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.native import native_body
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.reply import Push, Reply, StreamReply
from tianji_core.translate.surfaces.contract import Events, Surface
from tianji_core.wire.sse import DONE, SSEDecoder


class DialectCall:
    """A call whose client speaks another dialect than OpenAI's chat."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def run(self, pipeline: Pipeline) -> Reply | StreamReply:
        """The answer in the dialect. Raises GatewayError, as `Pipeline.run`."""
        return in_dialect(self.call, await pipeline.run(self.call))


def to_normal_form(surface: Surface, body: Any) -> tuple[Body, Body]:
    """The chat request that a request in a dialect asks for, and what of it a vendor that speaks the dialect gets.

    Raises BadRequestError.
    """
    if not isinstance(body, dict):
        raise BadRequestError("The request body must be a JSON object.", param="request_body")
    own = {name: body[name] for name in OWN.intersection(body) if name != "metadata"}
    native = native_body(surface, body)
    chat = surface.to_chat(native)
    if surface.streams:
        chat["stream"] = True
    if chat.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}
    metadata = None if surface.owns_metadata else body.get("metadata")
    return {**chat, **own, "metadata": metadata}, native


def in_dialect(call: Call, reply: Reply | StreamReply) -> Reply | StreamReply:
    """The reply as the client reads it. One that came in the dialect already stays as it is."""
    surface = call.surface
    if surface is None or call.asked is None:
        return reply
    if isinstance(reply, StreamReply):
        told = reply if reply.native else DialectStream(reply, surface.events(call.model, call.asked))
        return _in_array(told) if surface.in_array else told
    return Reply(_answer(surface, call, reply))


def _in_array(reply: StreamReply) -> StreamReply:
    from tianji_core.gateway.arrays import ArrayStream  # few clients want one

    return ArrayStream(reply)


def _answer(surface: Surface, call: Call, reply: Reply) -> dict[str, object]:
    if reply.native is not None:
        return reply.native
    return surface.answer(reply.body, call.asked or {})


class Retold(StreamReply):
    """A stream whose pieces are told in another way as they come."""

    def __init__(self, reply: StreamReply) -> None:
        self._reply = reply
        self._held: bytes | None = None  # what the client's connection would not take at once

    @property
    def number(self) -> int:
        return self._reply.number

    def push_to(self, push: Push) -> None:
        def translated(piece: bytes) -> bool:
            out = self._told(piece)
            if not out or push(out):
                return True
            self._held = out
            return False

        self._reply.push_to(translated)

    async def __anext__(self) -> bytes:
        while True:
            piece = await self._reply.__anext__()
            out, self._held = self._held, None
            if out is None:
                out = self._told(piece)
            if out:
                return out

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
        await self._reply.aclose(error, quick=quick)

    def _told(self, piece: bytes) -> bytes:
        """What a piece is in the other way; may be empty."""
        raise NotImplementedError


class DialectStream(Retold):
    """A stream of chat chunks, told in another dialect as they come."""

    def __init__(self, reply: StreamReply, events: Events) -> None:
        super().__init__(reply)
        self._events = events
        self._chunks = SSEDecoder()
        self._usage: dict[str, object] | None = None

    @property
    def number(self) -> int:
        return self._events.number

    def _told(self, piece: bytes) -> bytes:
        out = b""
        for event in self._chunks.feed(piece):
            if event.data == DONE:
                return out + self._events.end(self._usage)
            chunk = orjson.loads(event.data)
            usage = chunk.get("usage")
            if isinstance(usage, dict):
                self._usage = usage
            out += self._events.write(chunk)
        return out
