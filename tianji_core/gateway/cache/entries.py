"""An answer as it is kept: whole, in the normal form, whatever the way in which it was asked for and will be again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from tianji_core.api.provider import Binary, Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.reply import StreamReply
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.translate.chunks import merge_chunks, split_response
from tianji_core.wire.sse import DONE, DONE_EVENT, SSEDecoder, encode_event

_VERSION = 1
_PIECE = 64 * 1024


class Entry(NamedTuple):
    """What is kept with an answer. `at` is when it was given, in Unix seconds."""

    at: float
    body: Body
    binary: Binary | None = None
    usage: Mapping[str, Any] | None = None
    source: str = "vendor"
    deployment: str | None = None
    model: str | None = None
    """The vendor's name of the model."""

    def encode(self) -> bytes:
        kept: dict[str, Any] = {"v": _VERSION, **self._asdict()}
        if self.binary is not None:
            kept["binary"] = {"type": self.binary.content_type, "data": b64encode(self.binary.data).decode()}
        return orjson.dumps(kept)

    @classmethod
    def decode(cls, data: bytes | None) -> Entry | None:
        """None for what is none of ours, or of another version."""
        if data is None:
            return None
        try:
            kept = orjson.loads(data)
            if kept.pop("v") != _VERSION:
                return None
            if kept["binary"] is not None:
                kept["binary"] = Binary(b64decode(kept["binary"]["data"]), kept["binary"]["type"])
            well_formed: bool = type(kept["at"]) in (int, float) and type(kept["body"]) is dict
            return cls(**kept) if well_formed else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def streamed(pieces: Iterable[bytes]) -> Body:
    """The whole answer that a stream of OpenAI's events stands for."""
    events = SSEDecoder()
    found = [event for piece in pieces for event in events.feed(piece)] + list(events.finish())
    return merge_chunks(orjson.loads(event.data) for event in found if event.data != DONE)


class Replayed(StreamTransform):
    """A stream that was made of a whole answer: nothing is left to be done."""

    def __init__(self, chunks: list[Body], usage: Mapping[str, Any] | None) -> None:
        super().__init__(wants_usage=False, keep=False)
        self._chunks = chunks
        self.usage = usage

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def kept(self) -> list[Body]:
        return self._chunks


class _Pieces:
    """The source of such a stream: pieces of a size that a client's connection likes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    async def pour(self, sink: Any) -> bool:
        while self._place < len(self._data):
            piece = self._data[self._place : self._place + _PIECE]
            self._place += len(piece)
            if not sink(piece):
                return True
        return False

    async def aclose(self) -> None:
        """Nothing is open."""


async def replay(call: Call, body: Body, usage: Mapping[str, Any] | None) -> StreamReply:
    """A kept answer as the stream that the client asked for."""
    chunks = split_response({**body, "usage": usage} if usage is not None else body)
    out = [encode_event(orjson.dumps(chunk)) for chunk in chunks if chunk["choices"] or call.wants_usage]
    reply = StreamReply(call, _Pieces(b"".join([*out, DONE_EVENT])), Replayed(chunks, usage))
    await reply.start()
    return reply
