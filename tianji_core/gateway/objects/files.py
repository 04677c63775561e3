"""The files of callers.

A file has an id of ours and an owner. Its content is in the store, or at a vendor where it was made or uploaded to.
What is in the store is brought to a vendor when something there needs it; the vendor's id is remembered:

    data = {"filename", "purpose", "content_type", "bytes", "kept": whether the content is in the store,
            "uploads": {deployment id: {"id": the vendor's, "account": see targets.account_of}},
            "provider": the vendor that a caller has chosen}
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from tianji_core.api.call import Principal
from tianji_core.api.errors import GatewayError, NotFoundError
from tianji_core.gateway.objects import vendors
from tianji_core.gateway.objects.ids import our_id
from tianji_core.gateway.objects.shapes import clean_name, media_type
from tianji_core.gateway.objects.targets import account_of, same_account
from tianji_core.store import StoreUnavailableError
from tianji_core.store.objects import StoredObject, new_id
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment
    from tianji_core.store.database import Opened

log = get_logger("tianji.files")

KIND = "file"
COMING = "upload"
"""The kind of a file whose content is still coming in: nobody finds it. If it never ends, it expires."""
COPY = "file_copy"
"""The kind of what says which file of ours a vendor's file is; its id is `our_id` of that."""
PATIENCE = 24 * 3600.0
"""Seconds that an upload may take."""
PREFIX = "file-"


class Files:
    """All files, of all callers. Everything here raises StoreUnavailableError while the database is away."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._uploading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- making ----------------------------------------------------------------------------------------------------

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
        coming = StoredObject(new_id(PREFIX), COMING, owner, created_at=now, expires_at=now + PATIENCE)
        await opened.objects.add(coming)
        try:
            size = await opened.pieces.write(coming.id, parts)
        except BaseException:
            await self.drop(coming)
            raise
        return replace(coming, data={"bytes": size, "kept": True, "uploads": {}})

    async def keep(
        self,
        coming: StoredObject,
        filename: str,
        purpose: str,
        *,
        content_type: str | None = None,
        life: float | None = None,
        deployments: Collection[Deployment] = (),
    ) -> StoredObject:
        """Make what was taken in a file. With deployments it is brought to all of them, and no longer kept here.

        Raises GatewayError if a vendor refuses it; then it is at none of them.
        """
        opened = await self._opened()
        described = _described(filename, purpose, content_type)
        data = {**coming.data, **described}
        brought: list[tuple[Deployment, str]] = []
        try:
            for each in deployments:
                content = opened.pieces.read(coming.id)
                name, kind, size = described["filename"], described["content_type"], coming.data["bytes"]
                vendor_id = await vendors.upload(each, name, purpose, kind, content, size=size, life=life)
                brought.append((each, vendor_id))
                data = {**data, **_at(each), "kept": False, "uploads": {**data["uploads"], **_upload(each, vendor_id)}}
                await self._note_copy(coming, each, vendor_id)
            made = await opened.objects.change(coming, lambda _: _file(coming, data, life))
            if made is None:
                raise NotFoundError("The upload took too long.")
        except BaseException:
            for each, vendor_id in brought:
                await self._discard(coming, each, vendor_id)
            raise
        if deployments:
            await opened.pieces.remove(coming.id)
        return made

    async def drop(self, coming: StoredObject) -> None:
        """Forget what was taken in; with the database away, it goes by itself later."""
        with suppress(StoreUnavailableError):
            opened = await self._opened()
            await opened.objects.remove(coming.kind, coming.id, coming.owner)
            await opened.pieces.remove(coming.id)  # if it has expired meanwhile

    async def send(
        self,
        owner: str,
        filename: str,
        purpose: str,
        parts: AsyncIterator[bytes],
        deployment: Deployment,
        *,
        content_type: str | None = None,
        life: float | None = None,
    ) -> StoredObject:
        """Bring a file to a vendor while it comes in; it is kept there, and not here. Raises GatewayError."""
        opened = await self._opened()
        described = _described(filename, purpose, content_type)
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for part in parts:
                size += len(part)
                yield part

        kind = described["content_type"]
        vendor_id = await vendors.upload(deployment, described["filename"], purpose, kind, counted(), life=life)
        uploads = _upload(deployment, vendor_id)
        data = {**described, **_at(deployment), "bytes": size, "kept": False, "uploads": uploads}
        file = _file(StoredObject(new_id(PREFIX), KIND, owner), data, life)
        try:
            await opened.objects.add(file)
            await self._note_copy(file, deployment, vendor_id)
        except BaseException:
            await self._discard(file, deployment, vendor_id)
            with suppress(StoreUnavailableError):
                await opened.objects.remove(KIND, file.id, owner)
            raise
        return file

    async def register(self, owner: str, deployment: Deployment, vendor_id: str) -> str:
        """The id of ours for a file that a vendor has made: the results of a batch, or of training."""
        opened = await self._opened()
        id = our_id(PREFIX, deployment, vendor_id)
        if await opened.objects.get_all(KIND, [id], None):
            return id
        try:
            said = await vendors.describe(deployment, vendor_id)
        except NotFoundError:
            return id  # it is gone, and there is nothing to be found
        except GatewayError as error:
            log.warning("a vendor's file cannot be described", provider=deployment.provider_name, error=str(error))
            said = {}
        filename, purpose, size = said.get("filename"), said.get("purpose"), said.get("bytes")
        data = {
            **_described(str(filename or f"{id}.jsonl"), str(purpose or "batch_output"), None),
            **_at(deployment),
            "bytes": size if isinstance(size, int) else None,
            "kept": False,
            "uploads": _upload(deployment, vendor_id),
        }
        created, expires = said.get("created_at"), said.get("expires_at")
        await opened.objects.add_once(
            StoredObject(
                id,
                KIND,
                owner,
                data,
                created_at=float(created) if isinstance(created, int | float) else time.time(),
                expires_at=float(expires) if isinstance(expires, int | float) else None,
            )
        )
        return id

    async def set_life(self, stored: StoredObject, life: float | None) -> StoredObject:
        """Let a file live for so many seconds from its making."""
        expires = None if life is None else stored.created_at + life
        opened = await self._opened()
        made = await opened.objects.change(stored, lambda present: replace(present, expires_at=expires))
        if made is None:
            raise missing(stored.id)
        return made

    # -- finding ---------------------------------------------------------------------------------------------------

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
        provider: str | None = None,
        after: str | None = None,
        limit: int = 10_000,
        order: Literal["asc", "desc"] = "desc",
    ) -> tuple[list[StoredObject], bool]:
        """The caller's own files, and whether there are more."""
        opened = await self._opened()
        having = {name: said for name, said in (("purpose", purpose), ("provider", provider)) if said is not None}
        return await opened.objects.list(KIND, principal.owner, after=after, limit=limit, order=order, having=having)

    async def ours(self, deployment: Deployment, vendor_ids: Collection[str]) -> dict[str, str]:
        """The ids of ours for files of a vendor: of those that were brought there, else what `register` would give."""
        ids = {vendor_id: our_id(PREFIX, deployment, vendor_id) for vendor_id in vendor_ids}
        copies = await (await self._opened()).objects.get_all(COPY, ids.values(), None) if ids else {}
        return {vendor_id: copies[id].data["of"] if id in copies else id for vendor_id, id in ids.items()}

    async def adopt(self, owner: str, deployment: Deployment, vendor_ids: Collection[str]) -> dict[str, str]:
        """The same; those that nobody has brought there become the owner's."""
        found = await self.ours(deployment, vendor_ids)
        known = await (await self._opened()).objects.get_all(KIND, found.values(), None) if found else {}
        for vendor_id, id in found.items():
            if id not in known:
                await self.register(owner, deployment, vendor_id)
        return found

    def there(self, stored: StoredObject, deployment: Deployment) -> str:
        """The vendor's id of a file that has been brought to where a deployment is. Raises NotFoundError."""
        found = self._there(stored, deployment)
        if found is None:
            raise missing(stored.id)
        return found

    # -- content ---------------------------------------------------------------------------------------------------

    async def content(self, stored: StoredObject) -> AsyncGenerator[bytes, None]:
        """A file's content, piece by piece: from the store, else from a vendor. Raises GatewayError."""
        if stored.data.get("kept"):
            opened, left = await self._opened(), stored.data["bytes"]
            async for piece in opened.pieces.read(stored.id):
                left -= len(piece)
                yield piece
            if left:
                raise missing(stored.id)  # removed while it was read: what has come is not the file
            return
        deployment, vendor_id = self._somewhere(stored)
        async for piece in vendors.download(deployment, vendor_id):
            yield piece

    async def vendor_file(self, stored: StoredObject, deployment: Deployment) -> str:
        """The vendor's id of this file where a deployment is; it is brought there first, if it is not there yet.

        Raises GatewayError.
        """
        found = self._there(stored, deployment)
        if found is not None:
            return found
        key = f"{stored.id} {deployment.id}"
        lock = self._uploading.get(key)
        if lock is None:
            lock = self._uploading[key] = asyncio.Lock()
        async with lock:
            opened = await self._opened()
            present = await opened.objects.get(KIND, stored.id, stored.owner)
            if present is None:
                raise missing(stored.id)
            return self._there(present, deployment) or await self._bring(present, deployment)

    async def _bring(self, stored: StoredObject, deployment: Deployment) -> str:
        opened = await self._opened()
        data = stored.data
        vendor_id = await vendors.upload(
            deployment,
            data["filename"],
            data["purpose"],
            data["content_type"],
            self.content(stored),
            size=data["bytes"],
            life=None if stored.expires_at is None else stored.expires_at - time.time(),
        )

        def with_upload(present: StoredObject) -> StoredObject:
            if self._there(present, deployment) is not None:
                return present  # another replica was faster
            uploads = {**present.data["uploads"], **_upload(deployment, vendor_id)}
            return replace(present, data={**present.data, "uploads": uploads})

        changed = None
        try:
            await self._note_copy(stored, deployment, vendor_id)
            changed = await opened.objects.change(stored, with_upload)
        finally:
            there = None if changed is None else self._there(changed, deployment)
            if there != vendor_id:
                await self._discard(stored, deployment, vendor_id)
        if there is None:
            raise missing(stored.id)
        return there

    # -- removing --------------------------------------------------------------------------------------------------

    async def remove(self, stored: StoredObject) -> None:
        """Forget a file, its content, and what is of it at vendors.

        Raises NotFoundError if somebody else has just done so, and GatewayError if a vendor refuses.
        """
        opened = await self._opened()
        for deployment, vendor_id in self._copies(stored):
            await vendors.delete(deployment, vendor_id)
            await opened.objects.remove(COPY, our_id(PREFIX, deployment, vendor_id), stored.owner)
        if not await opened.objects.remove(KIND, stored.id, stored.owner):
            raise missing(stored.id)

    async def _discard(self, stored: StoredObject, deployment: Deployment, vendor_id: str) -> None:
        """Take back an upload that nobody will know of."""
        try:
            await vendors.delete(deployment, vendor_id)
        except GatewayError as error:
            log.warning("an upload could not be taken back", provider=deployment.provider_name, error=str(error))
        with suppress(StoreUnavailableError):
            await (await self._opened()).objects.remove(COPY, our_id(PREFIX, deployment, vendor_id), stored.owner)

    # -- copies at vendors -----------------------------------------------------------------------------------------

    def _copies(self, stored: StoredObject) -> Iterator[tuple[Deployment, str]]:
        """Where a file is, as far as the config still leads there."""
        for id, upload in stored.data.get("uploads", {}).items():
            deployment = self._gateway.targets.find(id, upload["account"])
            if deployment is not None:
                yield deployment, upload["id"]

    def _there(self, stored: StoredObject, deployment: Deployment) -> str | None:
        """The vendor's id of a file that is where a deployment is."""
        for where, vendor_id in self._copies(stored):
            if same_account(where, deployment):
                return vendor_id
        return None

    def _somewhere(self, stored: StoredObject) -> tuple[Deployment, str]:
        for found in self._copies(stored):
            return found
        raise NotFoundError("The file is at a vendor that is not set up any more.", param="id")

    async def _note_copy(self, stored: StoredObject, deployment: Deployment, vendor_id: str) -> None:
        id = our_id(PREFIX, deployment, vendor_id)
        copy = StoredObject(id, COPY, stored.owner, {"of": stored.id}, expires_at=stored.expires_at)
        await (await self._opened()).objects.add_once(copy)

    async def _opened(self) -> Opened:
        return await self._gateway.store.ready()


def missing(id: str) -> NotFoundError:
    """No such file, or not the caller's: told alike."""
    return NotFoundError(f"No such File object: {id[:200]}", param="id")


def _described(filename: str, purpose: str, content_type: str | None) -> dict[str, Any]:
    name = clean_name(filename)
    return {"filename": name, "purpose": purpose, "content_type": media_type(name, content_type)}


def _file(stored: StoredObject, data: dict[str, Any], life: float | None) -> StoredObject:
    now = time.time()
    return replace(stored, kind=KIND, data=data, created_at=now, expires_at=None if life is None else now + life)


def _upload(deployment: Deployment, vendor_id: str) -> dict[str, Any]:
    return {deployment.id: {"id": vendor_id, "account": account_of(deployment)}}


def _at(deployment: Deployment) -> dict[str, str]:
    """What lists can be asked for."""
    return {"provider": deployment.provider.name}
