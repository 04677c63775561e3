"""Native pass-through as plugins see it: a client's request in the vendor's own words, and usage read on the way back.

The gateway checks the path, takes credentials out, and carries bytes; a provider says where a request goes and what
lets it in. So this is pure too, and can be tested on values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tianji_core.api.http import UpstreamRequest

_NAMES = frozenset({"model", "models", "model_id", "modelId"})
"""Members that name models, at one vendor or another."""
_PROSE = frozenset({"contents", "documents", "input", "messages", "prompt", "system", "texts"})
"""Members whose content is what people and models wrote; a model named there is only talked about."""


@dataclass(slots=True)
class PassThrough:
    """A client's request for the vendor itself.

    `path` is what stands behind the vendor's prefix, percent-encoded as it came. It begins with a slash and has been
    checked: no segment is empty, `.` or `..`, however often it is decoded. `query` is without the question mark and
    without credentials. `headers` are the fields that the vendor may see, names in lower case. `body` is bytes, or
    parts as they come in, of `length` bytes in all if that is known. `json` is the body decoded, if it is an object
    that was small enough to be held.
    """

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | AsyncIterable[bytes] = b""
    length: int | None = None
    json: dict[str, Any] | None = None

    def to(self, url: str, fields: Iterable[tuple[str, str]]) -> UpstreamRequest:
        """The request for this address, with `fields` in place of what the client sent under the same names."""
        own = [(name.lower(), value) for name, value in fields]
        taken = {name for name, _ in own}
        headers = [*(each for each in self.headers if each[0] not in taken), *own]
        if self.query:
            url = f"{url}{'&' if '?' in url else '?'}{self.query}"
        return UpstreamRequest(self.method, url, headers, self.body, self.length)


class Named(NamedTuple):
    """The models that a pass-through request names, as the vendor calls them.

    `only` says that it can reach no others: that its path is one whose model is always named where it was looked for.
    """

    models: tuple[str, ...] = ()
    only: bool = False


def models_in(value: Any) -> tuple[str, ...]:
    """Every model that a JSON body names, outside of what people and models wrote."""
    return tuple(dict.fromkeys(_models(value)))


def _models(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            for name, member in item.items():
                if name in _NAMES:
                    found = member if isinstance(member, list) else [member]
                    yield from (each for each in found if isinstance(each, str))
                if name not in _PROSE and isinstance(member, list | dict):
                    stack.append(member)


class Meter(ABC):
    """Reads what an answer says of usage while it goes by. It gets copies of the bytes, and raises nothing."""

    usage: dict[str, Any] | None = None
    """What the vendor has counted, in OpenAI's names."""
    model: str | None = None
    """The model that the answer names."""
    answer: Any = None
    """The whole answer, if it was JSON and not too large."""
    error: str | None = None
    """What went wrong, if the answer itself tells so after it has begun."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take in the next bytes, cut anywhere."""

    def finish(self) -> None:
        """The answer has ended, or was cut off here."""
