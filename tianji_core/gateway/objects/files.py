"""The files of callers.

A file has an id of ours and an owner. Its content is in the store, or at a vendor where it was made or uploaded to.
What is in the store is brought to a vendor when something there needs it; the vendor's id is remembered.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from tianji_core.api.call import Principal
from tianji_core.api.errors import NotFoundError
from tianji_core.gateway.objects.shapes import clean_name, media_type
from tianji_core.store.objects import StoredObject, new_id

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment
    from tianji_core.store.database import Opened

KIND = "file"
COMING = "upload"
"""The kind of a file whose content is still coming in: nobody finds it. If it never ends, it expires."""
PATIENCE = 24 * 3600.0
"""Seconds that an upload may take."""


class Files:
    """All files, of all callers. Everything here raises StoreUnavailableError while the database is away."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(
        self,
        owner: str,
        filename: str,
        purpose: str,
        parts: AsyncIterator[bytes],
        *,
        content_type: str | None = None,
        life: float | None = None,
    ) -> StoredObject:
        """Keep a file in the store. `life` is in seconds.

        It is there once all of it is, and not before. Whatever `parts` raises is raised here, and nothing is kept.
        """
        coming = await self.take(owner, parts)
        return await self.keep(coming, filename, purpose, content_type=content_type, life=life)

    async def take(self, owner: str, parts: AsyncIterator[bytes]) -> StoredObject:
        """Take in content that is to become a file: `keep` it or `drop` it, or it goes by itself after a day.

        Whatever `parts` raises is raised here, and nothing is kept.
        """
        opened = await self._opened()
        now = time.time()
        coming = StoredObject(new_id("file-"), COMING, owner, created_at=now, expires_at=now + PATIENCE)
        await opened.objects.add(coming)
        try:
            size = await opened.pieces.write(coming.id, parts)
        except BaseException:
            await opened.objects.remove(COMING, coming.id, owner)
            raise
        return replace(coming, data={"bytes": size, "kept": True})

    async def keep(
        self,
        coming: StoredObject,
        filename: str,
        purpose: str,
        *,
        content_type: str | None = None,
        life: float | None = None,
    ) -> StoredObject:
        """Make what was taken in a file."""
        name, now = clean_name(filename), time.time()
        data = {"filename": name, "purpose": purpose, "content_type": media_type(name, content_type), "uploads": {}}
        file = replace(
            coming,
            kind=KIND,
            data={**coming.data, **data},
            created_at=now,
            expires_at=None if life is None else now + life,
        )
        made = await (await self._opened()).objects.change(coming, lambda _: file)
        if made is None:
            raise NotFoundError("The upload took too long.")
        return made

    async def drop(self, coming: StoredObject) -> None:
        """Forget what was taken in."""
        await (await self._opened()).objects.remove(coming.kind, coming.id, coming.owner)

    async def get(self, id: str, principal: Principal) -> StoredObject:
        """A file of the caller's; an admin may have anybody's. Raises NotFoundError."""
        opened = await self._opened()
        found = await opened.objects.get(KIND, id, None if principal.is_admin else principal.owner)
        if found is None:
            raise missing(id)
        return found

    async def list(
        self,
        principal: Principal,
        *,
        purpose: str | None = None,
        after: str | None = None,
        limit: int = 10_000,
        order: Literal["asc", "desc"] = "desc",
    ) -> tuple[list[StoredObject], bool]:
        """The caller's own files, and whether there are more."""
        opened = await self._opened()
        having = {} if purpose is None else {"purpose": purpose}
        return await opened.objects.list(KIND, principal.owner, after=after, limit=limit, order=order, having=having)

    async def content(self, stored: StoredObject) -> AsyncIterator[bytes]:
        """A file's content, piece by piece."""
        opened = await self._opened()
        async for piece in opened.pieces.read(stored.id):
            yield piece

    async def vendor_file(self, stored: StoredObject, deployment: Deployment) -> str:
        """The vendor's id of this file where a deployment is; it is uploaded there first, if it is not there yet."""
        raise NotImplementedError

    async def remove(self, stored: StoredObject) -> None:
        """Forget a file and its content. Raises NotFoundError if somebody else has just done so."""
        opened = await self._opened()
        if not await opened.objects.remove(KIND, stored.id, stored.owner):
            raise missing(stored.id)

    async def _opened(self) -> Opened:
        return await self._gateway.store.ready()


def missing(id: str) -> NotFoundError:
    """No such file, or not the caller's: told alike."""
    return NotFoundError(f"No such File object: {id[:200]}", param="id")
