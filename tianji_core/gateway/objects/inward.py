"""Answers of vendors, with our ids in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tianji_core.api.errors import BadGatewayError
from tianji_core.gateway.objects.ids import our_id
from tianji_core.gateway.objects.kinds import FILE, KINDS, ids_in, with_ids
from tianji_core.routing.models import WILDCARD

if TYPE_CHECKING:
    from tianji_core.gateway.objects.files import Files
    from tianji_core.gateway.objects.things import Things
    from tianji_core.routing import Deployment


class Inward:
    """Puts our ids into what comes from one deployment, for things of one owner.

    Whatever a vendor has made for him becomes his: results of training, files that code has written. `known` are ids
    that he has used himself, the vendor's to ours: they are replaced wherever they stand, in messages too.
    """

    def __init__(self, files: Files, things: Things, deployment: Deployment, owner: str, known: dict[str, str]) -> None:
        self._files = files
        self._things = things
        self._deployment = deployment
        self._owner = owner
        self._ours: set[str] = set()
        self._known: list[tuple[bytes, bytes]] = []
        for theirs, ours in known.items():
            self.know(theirs, ours)
        self._found: dict[tuple[str, str], str] = {}

    def know(self, theirs: str, ours: str) -> None:
        """One more id that the caller has used."""
        self._ours.add(ours)
        if not theirs:
            return
        self._known.append((theirs.encode(), ours.encode()))

    async def read(self, data: bytes) -> dict[str, Any]:
        """The JSON object of an answer, or of an event. Raises GatewayError."""
        for theirs, ours in self._known:
            data = data.replace(theirs, ours)
        try:
            value = orjson.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.")
        await self._learn(value)
        return self._named(with_ids(value, self._found))

    def text(self, text: str) -> str:
        """A message with our ids in place of those that the caller has used."""
        for theirs, ours in self._known:
            text = text.replace(theirs.decode(), ours.decode())
        return text

    async def _learn(self, value: dict[str, Any]) -> None:
        new = {pair for pair in ids_in(value) if pair not in self._found and pair[1] not in self._ours}
        for kind, id in new:
            if kind != FILE:
                self._found[(kind, id)] = our_id(KINDS[kind].prefix, self._deployment, id)
        thread = self._thread_of(value)
        if thread is not None and ("thread", thread) in new:
            await self._things.adopt("thread", self._owner, self._deployment, thread)
        file_ids = [id for kind, id in new if kind == FILE]
        for id, ours in (await self._files.adopt(self._owner, self._deployment, file_ids)).items():
            self._found[(FILE, id)] = ours

    def _thread_of(self, value: dict[str, Any]) -> str | None:
        """The thread that was made together with its first run."""
        found = value.get("id") if value.get("object") == "thread" else value.get("thread_id")
        return found if isinstance(found, str) else None

    def _named(self, value: dict[str, Any]) -> dict[str, Any]:
        """The model by the name that callers know, where the deployment's row says it."""
        row, data = self._deployment, value.get("data")
        for item in (value, *(data if isinstance(data, list) else ())):
            if isinstance(item, dict) and item.get("model") == row.model and WILDCARD not in row.model_name:
                item["model"] = row.model_name
        return value
