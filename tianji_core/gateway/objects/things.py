"""What vendors keep for callers: whose it is, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from tianji_core.api.call import Principal
from tianji_core.gateway.objects.ids import our_id
from tianji_core.gateway.objects.kinds import KINDS, missing
from tianji_core.gateway.objects.targets import account_of
from tianji_core.store.objects import StoredObject

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment
    from tianji_core.store.database import Opened


class Things:
    """The assistants, threads, conversations, vector stores and training jobs of all callers.

    `data` has the `account` (see targets.account_of) and the `object` as it was last seen, with our ids. Everything
    raises StoreUnavailableError while the database is away.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def get(self, kind: str, id: str, principal: Principal) -> StoredObject:
        """A thing of the caller's; an admin may have anybody's. Raises NotFoundError."""
        found = await (await self._opened()).objects.get(kind, id, None if principal.is_admin else principal.owner)
        if found is None:
            raise missing(kind, id)
        return found

    def deployment(self, stored: StoredObject) -> Deployment:
        """Where it is. Raises NotFoundError if nothing leads there any more."""
        found = self._gateway.targets.find(stored.deployment_id, stored.data.get("account"))
        if found is None:
            raise missing(stored.kind, stored.id)
        return found

    async def adopt(
        self, kind: str, owner: str, deployment: Deployment, vendor_id: str, shown: dict[str, Any] | None = None
    ) -> StoredObject:
        """Write down a thing that a vendor has made."""
        stored = StoredObject(
            our_id(KINDS[kind].prefix, deployment, vendor_id),
            kind,
            owner,
            {"account": account_of(deployment), "object": shown or {}},
            deployment_id=deployment.id,
            vendor_id=vendor_id,
        )
        await (await self._opened()).objects.add_once(stored)
        return stored

    async def note(self, stored: StoredObject, shown: dict[str, Any]) -> None:
        """Remember how a thing looks now."""
        if stored.data.get("object") != shown:
            objects = (await self._opened()).objects
            await objects.change(stored, lambda present: replace(present, data={**present.data, "object": shown}))

    async def forget(self, stored: StoredObject) -> None:
        await (await self._opened()).objects.remove(stored.kind, stored.id, stored.owner)

    async def list(
        self,
        kind: str,
        principal: Principal,
        *,
        after: str | None,
        before: str | None,
        limit: int,
        order: Literal["asc", "desc"],
    ) -> tuple[list[StoredObject], bool]:
        """The caller's own things, and whether there are more."""
        objects = (await self._opened()).objects
        return await objects.list(kind, principal.owner, after=after, before=before, limit=limit, order=order)

    async def _opened(self) -> Opened:
        return await self._gateway.store.ready()
