"""The batches of callers: made, found, listed, cancelled."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.config import Settings
from tianji_core.gateway.batches import KIND, UNFINISHED
from tianji_core.gateway.batches.choice import is_of
from tianji_core.gateway.batches.runner import Runner
from tianji_core.gateway.batches.shapes import Asked, new_batch
from tianji_core.store.objects import StoredObject

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway


class Batches:
    """All batches, of all callers. What needs the database raises StoreUnavailableError while it is away."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        settings = Settings.read(gateway.loaded.environ)
        self.runner = Runner(
            gateway, gateway.config.general_settings.batch_concurrency, settings.batch_lease, settings.batch_poll
        )

    async def create(self, asked: Asked, principal: Principal, prefix: str = "batch_") -> StoredObject:
        """Take a batch on. Raises BadRequestError, NotFoundError."""
        opened = await self._gateway.store.ready()
        file = await self._gateway.files.get(asked.input_file_id, principal)
        if file.data["purpose"] != "batch":
            raise BadRequestError(
                f"The purpose of the input file has to be 'batch', not {file.data['purpose']!r}.", param="input_file_id"
            )
        rows = self._gateway.pipeline.models.deployments
        if asked.provider is not None and not any(is_of(row, asked.provider) for row in rows):
            raise BadRequestError(f"Provider {asked.provider[:100]!r} is not set up here.", param="custom_llm_provider")
        batch = new_batch(asked, principal, prefix)
        await opened.objects.add(batch)
        self.runner.wake()
        return batch

    async def get(self, id: str, principal: Principal) -> StoredObject:
        """A batch of the caller's; an admin may have anybody's. Raises NotFoundError."""
        opened = await self._gateway.store.ready()
        found = await opened.objects.get(KIND, id, None if principal.is_admin else principal.owner)
        if found is None:
            raise NotFoundError(f"No batch found with id '{id[:200]}'.", param="batch_id")
        self._watch(found)
        return found

    async def list(
        self,
        principal: Principal,
        after: str | None,
        limit: int,
        *,
        before: str | None = None,
        endpoint: str | None = None,
    ) -> tuple[list[StoredObject], bool]:
        """The caller's own batches, the newest first, and whether there are more; of one endpoint, if one is named."""
        opened = await self._gateway.store.ready()
        having = {} if endpoint is None else {"endpoint": endpoint}
        found, more = await opened.objects.list(
            KIND, principal.owner, after=after, before=before, limit=limit, having=having
        )
        for each in found:
            self._watch(each)
        return found, more

    async def cancel(self, id: str, principal: Principal) -> StoredObject:
        """Have a batch end before its time. Raises NotFoundError, BadRequestError if it is over already."""
        opened = await self._gateway.store.ready()
        found = await self.get(id, principal)

        def cancelled(present: StoredObject) -> StoredObject:
            if present.status == "cancelling":
                return present
            if present.status not in ("validating", "in_progress"):
                raise BadRequestError(f"Cannot cancel a batch with status '{present.status}'.", param="batch_id")
            data = {**present.data, "cancelling_at": time.time()}
            # What waits for the next look at a vendor need not wait any more.
            until = present.leased_until if present.worker is not None else None
            return replace(present, status="cancelling", data=data, leased_until=until)

        changed = await opened.objects.change(found, cancelled)
        if changed is None:
            raise NotFoundError(f"No batch found with id '{id[:200]}'.", param="batch_id")
        self.runner.cancelled(id)
        return changed

    def _watch(self, batch: StoredObject) -> None:
        """Whoever asks here for a batch that is not over lets this replica see to it, should its worker die."""
        if batch.status in UNFINISHED:
            self.runner.watch()
