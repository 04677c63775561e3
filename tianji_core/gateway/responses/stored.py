"""What clients ask of answers that are kept, wherever that is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, GatewayError, NotFoundError
from tianji_core.api.provider import Body
from tianji_core.gateway.responses import vendor
from tianji_core.gateway.responses.follow import at_vendor, follow
from tianji_core.gateway.responses.ids import AtVendor
from tianji_core.gateway.responses.kept import Kept

if TYPE_CHECKING:
    from tianji_core.gateway.responses.memory import ResponseMemory

MAX_LIMIT = 100
_AT_VENDORS = ("after", "before", "include", "include[]", "include_obfuscation", "limit", "order")
"""Members of a query that go on to a vendor."""

Query = Sequence[tuple[str, str]]


class StoredResponses:
    """Answers by their ids. Everything raises NotFoundError for what is not there or not the caller's."""

    def __init__(self, memory: ResponseMemory) -> None:
        self._memory = memory

    async def get(self, ident: str, principal: Principal, query: Query) -> Body:
        """The response."""
        at = await self._find(ident, principal)
        if isinstance(at, Kept):
            return at.response
        found = await self._ask(at, "GET", query=query)
        self._memory.deferred.see(at.vendor_id, found)
        return vendor.as_clients(found, at, self._memory.ids, principal.owner)

    async def stream(self, ident: str, principal: Principal, query: Query) -> AsyncIterator[bytes]:
        """The stream of the response, from the event after number `starting_after` on, or from the first."""
        at = await self._find(ident, principal)
        if isinstance(at, AtVendor):
            told = [(name, value) for name, value in query if name in (*_AT_VENDORS, "stream", "starting_after")]
            return self._words(at, at_vendor(self._memory, at, told, principal.owner))
        return follow(self._memory, at, _number(dict(query)))

    async def kept(self, ident: str, owner: str | None) -> Kept:
        """One of the gateway's own."""
        found = await self._memory.kept.get(ident, owner) if self._memory.may_have(ident) else None
        if found is not None:
            found = await self._memory.background.settled(found)
        if found is None:
            raise not_found(ident)
        return found

    async def delete(self, ident: str, principal: Principal) -> Body:
        """Forget it; says so."""
        at = self._at_vendor(ident, principal)
        if at is None:
            if not (self._memory.may_have(ident) and await self._memory.kept.remove(ident, _owner(principal))):
                raise not_found(ident)
            self._memory.background.stop(ident)
            return {"id": ident, "object": "response", "deleted": True}
        return {**await self._ask(at, "DELETE"), "id": ident}

    async def cancel(self, ident: str, principal: Principal) -> Body:
        """Stop the work on it; the response as it then is."""
        at = await self._find(ident, principal)
        if isinstance(at, Kept):
            if not at.response.get("background"):
                raise BadRequestError("Cannot cancel a synchronous response.")
            ended = await self._memory.background.cancel(at)
            if ended is None:
                raise not_found(ident)
            return ended.response
        found = await self._ask(at, "POST", "cancel")
        self._memory.deferred.see(at.vendor_id, found)
        return vendor.as_clients(found, at, self._memory.ids, principal.owner)

    async def input_items(self, ident: str, principal: Principal, query: Query) -> Body:
        """What it answered: all that was said before it, a page at a time, the newest first unless asked otherwise."""
        at = await self._find(ident, principal)
        if isinstance(at, AtVendor):
            return await self._ask(at, "GET", "input_items", query=query)
        said = dict(query)
        limit, order = _limit(said), said.get("order", "desc")
        if order not in ("asc", "desc"):
            raise BadRequestError("order must be asc or desc.", param="order")
        items = await self._memory.kept.said_before(at)
        if isinstance(items, str):
            raise not_found(items)
        if order == "desc":
            items.reverse()
        after = said.get("after")
        if after is not None:
            place = next((index for index, item in enumerate(items) if item.get("id") == after), None)
            if place is None:
                raise BadRequestError(f"Item with id '{after}' not found.", param="after")
            items = items[place + 1 :]
        page = items[:limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0].get("id") if page else None,
            "last_id": page[-1].get("id") if page else None,
            "has_more": len(items) > limit,
        }

    # -- where they are ------------------------------------------------------------------------------------------

    async def _find(self, ident: str, principal: Principal) -> AtVendor | Kept:
        at = self._at_vendor(ident, principal)
        if at is not None:
            return at
        return await self.kept(ident, _owner(principal))

    def _at_vendor(self, ident: str, principal: Principal) -> AtVendor | None:
        return self._memory.ids.open(ident, _owner(principal))

    async def _ask(self, at: AtVendor, method: str, *more: str, query: Query = ()) -> Body:
        told = [(name, value) for name, value in query if name in _AT_VENDORS]
        try:
            return await vendor.ask(at, method, *more, query=told, limit=self._memory.max_response_bytes)
        except GatewayError as error:
            raise vendor.in_clients_words(error, at) from error

    async def _words(self, at: AtVendor, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        except GatewayError as error:
            raise vendor.in_clients_words(error, at) from error


def not_found(ident: str) -> NotFoundError:
    return NotFoundError(f"Response with id '{ident}' not found.")


def _owner(principal: Principal) -> str | None:
    """Whose answers a caller may ask for; None: anybody's."""
    return None if principal.is_admin else principal.owner


def _limit(said: Mapping[str, str]) -> int:
    text = said.get("limit", "20")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_LIMIT):
        raise BadRequestError(f"limit must be between 1 and {MAX_LIMIT}.", param="limit")
    return int(text)


def _number(said: Mapping[str, str]) -> int:
    """The event after which the client wants to go on; -1 for all."""
    text = said.get("starting_after", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequestError("starting_after must be the number of an event.", param="starting_after")
    return int(text) if text else -1
