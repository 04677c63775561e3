"""Answers that the gateway keeps: each with its own input, and with the names of those it followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from tianji_core.api.errors import BadRequestError, RequestTooLargeError
from tianji_core.api.provider import Body
from tianji_core.store import Store, StoreUnavailableError

if TYPE_CHECKING:
    from tianji_core.store.database import Opened
    from tianji_core.store.objects import StoredObject

KIND = "response"
PREVIOUS = "previous_response_id"
ENDED_WELL = ("completed", "incomplete")
MAX_BEFORE = 1000
"""Answers that one may follow."""
DEADLINE = 10.0
"""Seconds that the database has; one that takes longer counts as away."""
AWAY = 3.0
"""Seconds for which a database that has failed is not asked again: calls must not wait for it one after the other."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is to be kept: see `Kept`. `before` are the ids of those it follows, the oldest first."""

    response: Body
    input: list[Body]
    before: Sequence[str] = ()
    cuts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept.

    `input` is what was asked in its own turn, as items with ids; `cuts` says how its stream was cut, if it was one.
    """

    stored: StoredObject
    response: Body
    input: list[Body]
    cuts: list[int]

    @property
    def before(self) -> list[str]:
        """The answers it followed, the oldest first."""
        return list(self.stored.data["before"])


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said up to an answer: the ids of all answers, that one last, and the items."""

    ids: list[str]
    items: list[Body]


class KeptResponses:
    """The answers of all callers. Everything raises StoreUnavailableError while the database is away."""

    def __init__(self, store: Store, seconds: float, max_bytes: int) -> None:
        """`seconds` is how long answers are kept, `max_bytes` how large a conversation may be that is taken up."""
        self._store = store
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._away_until = float("-inf")

    async def add(self, owner: str, answer: Answer, **more: Any) -> Kept:
        """Keep an answer; durable once this returns. `more` is of the object: a lease."""
        from tianji_core.store.objects import StoredObject

        response = answer.response
        content = _written(answer)
        now = time.time()
        stored = StoredObject(
            id=str(response["id"]),
            kind=KIND,
            owner=owner,
            data={"before": list(answer.before), "size": len(content)},
            created_at=now,
            expires_at=now + self._seconds,
            status=response.get("status"),
            **more,
        )
        async with self._opened() as opened:
            await opened.objects.add(stored, content, outlived=answer.before)
        return Kept(stored, response, answer.input, answer.cuts)

    async def get(self, ident: str, owner: str | None) -> Kept | None:
        """An answer, if it is the owner's; `owner` None: anybody's."""
        async with self._opened() as opened:
            stored = await opened.objects.get(KIND, ident, owner)
            if stored is None:
                return None
            return _read(stored, (await opened.pieces.read_all([ident])).get(ident))

    async def end(self, kept: Kept, response: Body, *, unless: Callable[[StoredObject], bool]) -> Kept | None:
        """Give an answer that was under way its last state, in which nobody works on it.

        Where `unless` says of what is there now that it is to stay, that stays and is returned. None if it is gone.
        """
        ours: list[StoredObject] = []

        def ended(present: StoredObject) -> StoredObject | None:
            if unless(present):
                return None
            data = {**present.data, "size": len(content)}
            changed = replace(present, status=response["status"], data=data, worker=None, leased_until=None)
            ours.append(changed)
            return changed

        content = _written(Answer(response, kept.input))
        async with self._opened() as opened:
            stored = await opened.objects.change(kept.stored, ended, content)
        if stored is None:
            return None
        if ours and stored.version == ours[-1].version + 1:
            return Kept(stored, response, kept.input, [])
        return await self.get(stored.id, stored.owner)

    async def renew(self, ident: str, worker: str, seconds: float) -> bool:
        """Hold an answer for longer; False if it is no longer this worker's."""
        async with self._opened() as opened:
            return await opened.objects.renew(ident, worker, seconds)

    async def remove(self, ident: str, owner: str | None) -> bool:
        """Forget an answer; whether there was one."""
        async with self._opened() as opened:
            return await opened.objects.remove(KIND, ident, owner)

    async def conversation(self, ident: str, owner: str) -> Conversation | str:
        """What was said up to an answer, with the answer; the id of an answer in it that is not there.

        Raises BadRequestError and RequestTooLargeError for what cannot be continued.
        """
        last = await self.get(ident, owner)
        if last is None:
            return ident
        if last.stored.status not in ENDED_WELL:
            raise BadRequestError(
                f"Response with id '{ident}' is {last.stored.status} and cannot be continued.",
                param=PREVIOUS,
            )
        items = await self.said_before(last)
        if isinstance(items, str):
            return items
        return Conversation([*last.before, ident], [*items, *_output(last)])

    async def said_before(self, kept: Kept) -> list[Body] | str:
        """What an answer answered, from the beginning; the id of an answer before it that is not there."""
        ids = kept.before
        if len(ids) >= MAX_BEFORE:
            raise BadRequestError(f"The conversation is longer than {MAX_BEFORE} responses.", param=PREVIOUS)
        if not ids:
            return kept.input
        async with self._opened() as opened:
            found = await opened.objects.get_all(KIND, ids, kept.stored.owner)
            missing = next((each for each in ids if each not in found), None)
            if missing is not None:
                return missing
            if sum(stored.data["size"] for stored in (*found.values(), kept.stored)) > self._max_bytes:
                size = self._max_bytes // (1024 * 1024)
                raise RequestTooLargeError(f"The conversation is larger than {size} MB.", param=PREVIOUS)
            contents = await opened.pieces.read_all(ids)
        items: list[Body] = []
        for each in ids:
            before = _read(found[each], contents.get(each))
            items += before.input
            items += _output(before)
        return items + kept.input

    async def check(self) -> None:
        """Raises StoreUnavailableError if nothing can be kept now, as far as is known without asking."""
        async with self._opened():
            pass

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Opened]:
        if time.monotonic() < self._away_until:
            raise StoreUnavailableError
        try:
            async with asyncio.timeout(DEADLINE):
                yield await self._store.ready()
        except (TimeoutError, StoreUnavailableError) as error:
            self._away_until = time.monotonic() + AWAY
            raise StoreUnavailableError from error


def _written(answer: Answer) -> bytes:
    return orjson.dumps({"response": answer.response, "input": answer.input, "cuts": answer.cuts})


def _read(stored: StoredObject, content: bytes | None) -> Kept:
    found = orjson.loads(content or b"{}")
    return Kept(stored, found.get("response") or {}, found.get("input") or [], found.get("cuts") or [])


def _output(kept: Kept) -> list[Body]:
    return kept.response.get("output") or []
