"""What a surface is: a dialect that clients speak, and how it becomes chat and comes out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from tianji_core.api.provider import Body, Operation
from tianji_core.wire.openai import CHAT_PARAMS


class Events(Protocol):
    """Writes one stream in the dialect."""

    @property
    def number(self) -> int:
        """The number that the next event has, where the dialect numbers its events."""

    def write(self, chunk: Body) -> bytes:
        """The events that a chat chunk brings; may be empty."""

    def end(self, usage: Mapping[str, Any] | None) -> bytes:
        """The last events of a stream that is whole; `usage` as OpenAI counts."""


class NativeStream(Protocol):
    """Passes a stream on that is in the dialect already. Raises nothing for what a vendor may send."""

    error: Body | None
    """The event by which the vendor told a failure."""

    @property
    def number(self) -> int:
        """As in `Events`."""

    @property
    def complete(self) -> bool:
        """Whether the dialect's last event was seen."""

    @property
    def usage(self) -> dict[str, Any] | None:
        """What the vendor has counted so far, as OpenAI counts."""

    def feed(self, data: bytes) -> bytes:
        """What the client gets for these bytes: the same, with the model's name that it asked for."""

    def finish(self) -> bytes:
        """What is left at the end of the body."""


class Surface(ABC):
    """A dialect. Its name is what providers that speak it themselves list in `native_dialects`."""

    name: str
    same: frozenset[str] = frozenset()
    """Parameters of chat that the dialect has by the same name: what a row says of them holds for it too."""
    owns_metadata: bool = True
    """Whether `metadata` is a member of the dialect. If not, it is for the gateway, as `litellm_metadata` always is."""
    streams: bool | None = None
    """Whether calls are streamed, where paths say that and the model (`PATH_DIALECTS`); None where bodies do."""
    operation: Operation = "chat"
    """What its requests ask for. All but chat are translated for every vendor, be it one that speaks the dialect."""
    in_array: bool = False
    """Whether a stream goes out as one JSON array in pieces, not as events."""

    @abstractmethod
    def to_chat(self, body: Body) -> Body:
        """The chat request that asks for the same, or that of `operation`. Raises BadRequestError."""

    def beside(self, asked: Body) -> Body:
        """Members of a request that go along where it is translated for a vendor that has the dialect too."""
        return {}

    def for_vendor(self, body: Body, deployment_id: str) -> Body:
        """A request in the dialect for one that speaks it: without what only other vendors could read."""
        return body

    def check_sayable(self, body: Body) -> None:
        """Raises BadRequestError for what only a vendor that speaks the dialect has; asked before another one is."""

    def can_be_kept(self, body: Body) -> bool:
        """Whether the answer may be given again to whoever asks the same."""
        return True

    @abstractmethod
    def answer(self, chat: Body, asked: Body) -> Body:
        """A chat answer in the dialect; `asked` is the request in the dialect."""

    @abstractmethod
    def events(self, model: str, asked: Body) -> Events:
        """A fresh writer for one stream."""

    def with_defaults(self, native: Body, defaults: Mapping[str, Any], model: str) -> Body:
        """A request in the dialect with what a row says of all calls, under what the client says, as a new object.
        `model` is the vendor's name.
        """
        usable = {n: value for n, value in defaults.items() if n not in CHAT_PARAMS or n in self.same}
        return {**usable, **native}

    @abstractmethod
    def native_usage(self, answer: Body) -> dict[str, Any] | None:
        """What a vendor's answer in the dialect says of usage, as OpenAI counts."""

    @abstractmethod
    def native_stream(self, model: str) -> NativeStream:
        """A fresh reader of a vendor's stream in the dialect."""
