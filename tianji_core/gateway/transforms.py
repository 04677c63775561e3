"""From a vendor's stream to the caller's: bytes in, bytes out, no waiting.

Two ways. `Relay` passes the events of an OpenAI-shaped vendor on as they came and decodes only those that need it: to
put the caller's model name in, to take the usage out, to see the end. `Translation` has the provider's decoder make
chunks and writes them down anew. Both end a stream that was not complete with an error, never with a made-up `[DONE]`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tianji_core.accounting import believable
from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError
from tianji_core.api.pass_through import Meter
from tianji_core.api.provider import Body, ModelRequest, Provider, StreamDecoder
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.stream import is_cut_off, stream_error
from tianji_core.wire.sse import DONE, DONE_EVENT, Event, EventTooLarge, SSEDecoder, encode_event

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_NULL_USAGE = re.compile(rb',\s*"usage"\s*:\s*null')
_NULL_USAGE_END = b',"usage":null}'
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'"error"\s*:\s*[{"]')

_CHUNK_HEAD = ("id", "object", "created", "model", "system_fingerprint")


class StreamTransform(ABC):
    """Turns what a vendor streams into what the caller reads.

    `error` is set once the stream has failed; nothing more comes out then. `usage` is what the vendor counted, until
    `add_usage` says what the gateway has.
    """

    error: GatewayError | None = None
    usage: Mapping[str, Any] | None = None
    service_tier: str | None = None
    """The tier of service that the vendor has told with it."""
    price: Callable[[Mapping[str, Any], str | None], float | None] | None = None
    """What a usage costs with a tier of service, in dollars, where the client is to read it in the usage."""
    number: int = 0
    """The number of the next event, in dialects that number them."""

    def __init__(self, *, wants_usage: bool, keep: bool) -> None:
        self._wants_usage = wants_usage
        self._kept: list[Any] | None = [] if keep else None
        self._owed: Body | None = None

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """What the caller gets for these bytes; may be empty."""

    @abstractmethod
    def finish(self) -> bytes:
        """What the caller gets at the end of the vendor's body. Sets `error` if the stream was cut short."""

    def _take_usage(self, chunk: Body) -> bool:
        """Note a chunk's usage and take it out; whether the chunk still is one for the client.

        OpenAI tells usage in a chunk of its own, without choices, and only to those who ask. Vendors that put it on
        the last chunk of the answer owe that chunk, which `_end` then writes.
        """
        usage = chunk.get("usage")
        if not isinstance(usage, dict):
            if usage is None and not self._wants_usage:
                chunk.pop("usage", None)
            return True
        if (true := believable(usage)) is not usage:
            usage = chunk["usage"] = dict(true)
        self.usage = usage
        if "service_tier" in chunk:
            self.service_tier = chunk["service_tier"]
        if not chunk.get("choices"):
            self._owed = None
            if self.price is not None:
                chunk["usage"] = self._told(usage)
            return self._wants_usage
        del chunk["usage"]
        if self._wants_usage:
            self._owed = {**chunk, "choices": [], "usage": self._told(usage)}
        return True

    def _told(self, usage: Body) -> Body:
        """A usage as the client is told it."""
        cost = self.price(usage, self.service_tier) if self.price is not None else None
        return usage if cost is None else {**usage, "cost": cost}

    def add_usage(self, usage: Body, like: Body) -> bytes:
        """Take a usage that the gateway has counted; the chunk that tells it, if the client wants one.

        `like` is a chunk of the stream, whose names the new one gets.
        """
        self.usage = usage
        if not (self._wants_usage and like):
            return b""
        chunk: Body = {name: like[name] for name in _CHUNK_HEAD if name in like}
        chunk.update(choices=[], usage=self._told(usage))
        if self._kept is not None:
            self._kept.append(chunk)
        return encode_event(orjson.dumps(chunk))

    @abstractmethod
    def kept(self) -> list[Body]:
        """The chunks that went by, if they were to be kept."""

    @property
    def named_model(self) -> str | None:
        """The model that the vendor names, if this is known without further ado."""
        return None


class Relay(StreamTransform):
    """Events of an OpenAI-shaped vendor, passed on with the caller's model name."""

    def __init__(self, provider: OpenAICompatible, model: str, *, wants_usage: bool, keep: bool) -> None:
        super().__init__(wants_usage=wants_usage, keep=keep)
        self._provider = provider
        self._stamp = b'"model":' + orjson.dumps(model)
        self._found: bytes | None = None
        self._markers = provider.patch_markers
        self._events = SSEDecoder()
        self._done = False
        self._finished = False
        self._keeps = keep
        self._head = self._new_head = b""
        self._careful = True  # the events have to be looked at one by one
        self._recent = (b"", b"")  # what went the quick way last, to find a finish reason in if no [DONE] comes

    def feed(self, data: bytes) -> bytes:
        return self._pass_plain(data) or self._feed(data)

    def _pass_plain(self, data: bytes) -> bytes | None:
        """The quick way, for whole events with nothing but deltas in them, as nearly all are: a new head for each.

        The head is all up to the model's name, which the chunks of one stream share. Says None to everything else; then
        the events are looked at one by one. Both ways give the same bytes.
        """
        if self._careful:
            return None
        for marker in self._markers:
            if marker in data:
                return None
        if data.find(b"\n") == len(data) - 2 and data.endswith(b"\n"):
            events = [data[:-2]]
        else:
            lines = data.split(b"\n")
            if len(lines) % 2 == 0 or lines.pop() or any(lines[1::2]):
                return None
            events = lines[::2]
        head, new_head = self._head, self._new_head
        start = len(head)
        out = []
        for event in events:
            if not event.startswith(head) or event.find(b'"error"', start) >= 0:
                return None
            if event.endswith(_NULL_USAGE_END):
                if not self._wants_usage:
                    event = event[: -len(_NULL_USAGE_END)] + b"}"
            elif event.find(b'"usage"', start) >= 0:
                return None
            out.append(new_head + event[start:] + b"\n\n")
        self._recent = (self._recent[1], data)
        return b"".join(out)

    def _feed(self, data: bytes) -> bytes:
        try:
            events = self._events.feed(data)
        except EventTooLarge as error:
            self.error = BadGatewayError(f"The provider's stream makes no sense: {error}.")
            return b""
        out = b"".join([self._pass(event) for event in events])
        self._careful = self._done or not self._head or self._events.pending
        return out

    def finish(self) -> bytes:
        out = b"".join([self._pass(event) for event in self._events.finish() if not is_cut_off(event)])
        if self.error is not None:
            return out
        if not (self._done or self._finished or any(_FINISH.search(data) for data in self._recent)):
            self.error = APIConnectionError("The provider's stream ended before it was complete.")
            return out
        return out + (self._written(self._owed) if self._owed is not None else b"") + DONE_EVENT

    def kept(self) -> list[Body]:
        return self._kept or []

    @property
    def named_model(self) -> str | None:
        if self._found is None:
            return None
        try:
            found = orjson.loads(b"{" + self._found + b"}")["model"]
        except ValueError:
            return None
        return found if isinstance(found, str) else None

    def _pass(self, event: Event) -> bytes:
        data = event.data
        if self._done or self.error is not None:
            return b""
        if data == DONE or data.strip() == DONE:
            self._done = True
            return b""
        found = self._found
        if found is None or found not in data:
            match = _MODEL.search(data)
            found = self._found = match[0] if match else None
        if (b'"error"' in data and _ERROR.search(data)) or event.event == "error":
            return self._decoded(event)
        if _USAGE.search(data):
            return self._decoded(event)
        for marker in self._markers:
            if marker in data:
                return self._decoded(event)
        if not data.startswith(b"{") or b"\n" in data or self._kept is not None:
            return self._decoded(event)  # no object, over several lines, or to be judged: it has to be understood
        if not self._finished and _FINISH.search(data):
            self._finished = True
        if found is not None:
            self._learn(data, found)
            data = data.replace(found, self._stamp, 1)
        if not self._wants_usage and b'"usage"' in data:
            data = _NULL_USAGE.sub(b"", data, 1)  # the gateway asked for usage, the client did not
        return b"data: " + data + b"\n\n"

    def _learn(self, data: bytes, found: bytes) -> None:
        """Keep what the stream's chunks begin with, for the quick way."""
        if not self._keeps:
            before = b"data: " + data[: data.index(found)]
            self._head, self._new_head = before + found, before + self._stamp

    def _decoded(self, event: Event) -> bytes:
        """The slow way, for the few events that hold more than a delta."""
        try:
            chunk = orjson.loads(event.data)
        except ValueError:
            chunk = None
        if not isinstance(chunk, dict):
            self.error = BadGatewayError("The provider's stream holds an event that is not a JSON object.")
            return b""
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            self.error = BadGatewayError("The provider's stream holds a chunk that makes no sense.")
            return b""
        if self._markers:
            self._provider.patch_chunk(chunk)
        error = stream_error(chunk, event.event, self._provider.parse_error)
        if error is not None:
            self.error = error
            return b""
        if any(isinstance(c, dict) and c.get("finish_reason") for c in choices):
            self._finished = True
        if "model" in chunk:
            chunk["model"] = orjson.loads(self._stamp[8:])
        return self._written(chunk) if self._take_usage(chunk) else b""

    def _written(self, chunk: Body) -> bytes:
        data = orjson.dumps(chunk)
        if self._kept is not None:
            self._kept.append(chunk)
        return encode_event(data)


class Translation(StreamTransform):
    """Chunks that a provider's decoder made, written down as OpenAI's server-sent events."""

    def __init__(
        self,
        decoder: StreamDecoder,
        model: str,
        *,
        wants_usage: bool,
        keep: bool,
        created: int,
        answer_id: str,
        reshape: Callable[[Body], Body] | None = None,
    ) -> None:
        super().__init__(wants_usage=wants_usage, keep=keep)
        self._decoder = decoder
        self._model = model
        self._created = created
        self._id = answer_id
        self._reshape = reshape

    def feed(self, data: bytes) -> bytes:
        return self._written(self._decoder.feed(data))

    def finish(self) -> bytes:
        out = self._written(self._decoder.finish())
        if self.error is not None:
            return out
        if not self._decoder.complete:
            self.error = APIConnectionError("The provider's stream ended before it was complete.")
            return out
        return out + (self._written([self._owed]) if self._owed is not None else b"") + DONE_EVENT

    def kept(self) -> list[Body]:
        return self._kept or []

    def _written(self, chunks: list[Body]) -> bytes:
        out = []
        for chunk in chunks:
            chunk["model"] = self._model
            if not chunk.get("created"):
                chunk["created"] = self._created  # decoders have no clock, and nor has this
            if chunk.get("id") == "":  # nor dice
                chunk["id"] = self._id
            if not self._take_usage(chunk):
                continue
            if self._reshape is not None:
                chunk = self._reshape(chunk)
            if self._kept is not None:
                self._kept.append(chunk)
            out.append(encode_event(orjson.dumps(chunk)))
        self.error = self._decoder.error
        return b"".join(out)


class Passage(StreamTransform):
    """Bytes that go by as they came: audio, and streams of operations other than chat. A meter reads usage of them."""

    def __init__(self, meter: Meter | None = None) -> None:
        super().__init__(wants_usage=False, keep=False)
        self._meter = meter

    def feed(self, data: bytes) -> bytes:
        if self._meter is not None:
            try:
                self._meter.feed(data)
            except Exception:  # a defect of the reader is no reason to break the answer
                self._meter = None
        return data

    def finish(self) -> bytes:
        if self._meter is not None:
            try:
                self._meter.finish()
                self.usage = self._meter.usage
            except Exception:
                self._meter = None
        return b""

    def kept(self) -> list[Body]:
        return []


def relay_for(provider: Provider, request: ModelRequest, model: str, *, wants_usage: bool, keep: bool) -> Relay | None:
    """A relay, if this stream of the provider's can be passed on as it is; `model` is the caller's name for it."""
    if not (provider.relays and isinstance(provider, OpenAICompatible)):
        return None
    if not provider.relays_stream(request) or provider.chunk_patch(request) is not None:
        return None
    return Relay(provider, model, wants_usage=wants_usage, keep=keep)
