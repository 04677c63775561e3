"""Answers that the gateway keeps: each with its own input, and with the names of those it followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from tianji_core.api.errors import BadRequestError, RequestTooLargeError
from tianji_core.api.provider import Body
from tianji_core.store import Store, StoreUnavailableError

if TYPE_CHECKING:
    from tianji_core.store.database import Opened
    from tianji_core.store.objects import StoredObject

KIND = "response"
MAX_BEFORE = 1000
"""Answers that one may follow."""
DEADLINE = 10.0
"""Seconds that the database has; one that takes longer counts as away."""
AWAY = 3.0
"""Seconds for which a database that has failed is not asked again: calls must not wait for it one after the other."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept. `input` is what was asked in its own turn, as items with ids."""

    stored: StoredObject
    response: Body
    input: list[Body]

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

    async def add(self, owner: str, response: Body, given: list[Body], before: Sequence[str], **more: Any) -> Kept:
        """Keep an answer; durable once this returns. `more` is of the object: `status`, a lease."""
        from tianji_core.store.objects import StoredObject

        content = _written(response, given)
        now = time.time()
        stored = StoredObject(
            id=str(response["id"]),
            kind=KIND,
            owner=owner,
            data={"before": list(before), "size": len(content)},
            created_at=now,
            expires_at=now + self._seconds,
            **{"status": response.get("status"), **more},
        )
        async with self._opened() as opened:
            await opened.objects.add(stored, content, outlived=before)
        return Kept(stored, response, given)

    async def get(self, ident: str, owner: str | None) -> Kept | None:
        """An answer, if it is the owner's; `owner` None: anybody's."""
        async with self._opened() as opened:
            stored = await opened.objects.get(KIND, ident, owner)
            if stored is None:
                return None
            return _read(stored, (await opened.pieces.read_all([ident])).get(ident))

    async def remove(self, ident: str, owner: str | None) -> bool:
        """Forget an answer; whether there was one."""
        async with self._opened() as opened:
            return await opened.objects.remove(KIND, ident, owner)

    async def conversation(self, ident: str, owner: str) -> Conversation | str:
        """What was said up to an answer, with the answer; the id of an answer in it that is not there.

        Raises BadRequestError and RequestTooLargeError for what has become too long.
        """
        async with self._opened() as opened:
            last = await opened.objects.get(KIND, ident, owner)
            if last is None:
                return ident
            ids: list[str] = [*last.data["before"], ident]
            if len(ids) > MAX_BEFORE:
                raise BadRequestError(
                    f"The conversation is longer than {MAX_BEFORE} responses.", param="previous_response_id"
                )
            found = {**await opened.objects.get_all(KIND, ids[:-1], owner), ident: last} if ids[:-1] else {ident: last}
            missing: str | None = next((each for each in ids if each not in found), None)
            if missing is not None:
                return missing
            if sum(stored.data["size"] for stored in found.values()) > self._max_bytes:
                raise RequestTooLargeError(
                    f"The conversation is larger than {self._max_bytes // (1024 * 1024)} MB.",
                    param="previous_response_id",
                )
            contents = await opened.pieces.read_all(ids)
        items: list[Body] = []
        for each in ids:
            kept = _read(found[each], contents.get(each))
            items += kept.input
            items += kept.response.get("output") or []
        return Conversation(ids, items)

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


def _written(response: Body, given: list[Body]) -> bytes:
    return orjson.dumps({"response": response, "input": given})


def _read(stored: StoredObject, content: bytes | None) -> Kept:
    found = orjson.loads(content or b"{}")
    return Kept(stored, found.get("response") or {}, found.get("input") or [])
