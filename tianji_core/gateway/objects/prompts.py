"""Files and vector stores that a prompt names by our ids: each vendor gets its own ids for them, or the content.

Made for a call whose bytes hold the name of such a member; others know nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.provider import Body, ModelRequest
from tianji_core.gateway.heavy import HEAVY, in_thread
from tianji_core.gateway.objects import files, kinds
from tianji_core.gateway.objects.kinds import FILE
from tianji_core.gateway.objects.places import VECTOR_STORE, names_in, parts_in, put_into, with_ids
from tianji_core.gateway.objects.targets import same_account
from tianji_core.gateway.objects.things import Things
from tianji_core.store import StoreUnavailableError
from tianji_core.store.objects import StoredObject
from tianji_core.translate.media import data_uri

if TYPE_CHECKING:
    from tianji_core.gateway.call import Call
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment

MAX_INLINE = 32 * 1024 * 1024
"""Bytes of files that one call may put into its request, before they are base64."""
_OURS = re.compile(r"(file-|vs_)[0-9a-f]{32}")


class PromptFiles:
    """What one call names. Everything raises GatewayError."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._things = Things(gateway)
        self._found: dict[tuple[str, str], StoredObject | None] = {}
        self._contents: dict[str, bytes] = {}

    async def find(self, call: Call) -> None:
        """Look up what the call names. Raises NotFoundError for what is not the caller's."""
        for body in (call.body, call.native):
            if body is not None:
                await self._look_up(call, body)

    def best(self, deployments: Sequence[Deployment]) -> Sequence[Deployment]:
        """The deployments beside which everything is that cannot be brought elsewhere; all, if there are none."""
        fixed = [s for s in self._found.values() if s is not None and not s.data.get("kept")]
        if not fixed:
            return deployments
        return tuple(d for d in deployments if all(self._is_there(s, d) for s in fixed)) or deployments

    async def put_in(self, call: Call, request: ModelRequest, deployment: Deployment) -> None:
        """Put what the deployment's vendor understands in the place of our ids; files are brought there first."""
        await self._look_up(call, request.body)  # a guardrail, or a fallback's own messages, may name others
        ids: dict[tuple[str, str], str] = {}
        contents: dict[str, tuple[StoredObject, bytes]] = {}
        for part in parts_in(request.body):
            for kind, id in names_in(part):
                stored = self._found.get((kind, id))
                if stored is None or (kind, id) in ids or id in contents:
                    continue
                theirs = self._store_there(stored, deployment)
                if kind == FILE:
                    theirs = await self._file_there(stored, deployment, part)
                if theirs is None:
                    contents[id] = stored, await self._content(stored)
                else:
                    ids[(kind, id)] = theirs

        def put(part: Body) -> Body:
            held = next((contents[id] for _, id in names_in(part) if id in contents), None)
            if held is not None:
                return _inline(part, *held)
            found = with_ids(part, ids)
            if part["type"] == "file" and (stored := self._found.get((FILE, part["file"]["file_id"]))) is not None:
                found["file"].setdefault("format", stored.data["content_type"])  # the hint that vendors' forms go by
            return found

        if sum(len(content) for _, content in contents.values()) > HEAVY:
            call.heavy = True
            await in_thread(put_into, request.body, put)
        elif ids or contents:
            put_into(request.body, put)
        api = deployment.provider.files_api
        if request.native and api is not None and any(kind == FILE for kind, _ in ids):
            headers = dict(request.headers)
            for name, value in api.headers:
                headers[name] = f"{headers[name]},{value}" if name in headers else value
            request.headers = headers

    # -- finding ---------------------------------------------------------------------------------------------------

    async def _look_up(self, call: Call, body: Body) -> None:
        named = {pair for part in parts_in(body) for pair in names_in(part) if _OURS.fullmatch(pair[1])}
        new = sorted(named - self._found.keys())
        if not new:
            return
        try:
            await self._find(call.principal, new)
        except StoreUnavailableError:
            if any(kind == FILE for kind, _ in new):
                raise
            # They may well be the vendor's own, for which nobody needs a database.

    async def _find(self, principal: Principal, named: list[tuple[str, str]]) -> None:
        objects = (await self._gateway.store.ready()).objects
        for kind in (FILE, VECTOR_STORE):
            ids = [id for each, id in named if each == kind]
            there = await objects.get_all(kind, ids, None)
            for id in ids:
                stored = there.get(id)
                # Vendors' own vector stores have ids of the same shape, and nobody else's can be told from them.
                if kind == FILE and stored is None:
                    raise files.missing(id)
                if stored is not None and not principal.is_admin and stored.owner != principal.owner:
                    raise files.missing(id) if kind == FILE else kinds.missing(kind, id)
                self._found[(kind, id)] = stored

    def _is_there(self, stored: StoredObject, deployment: Deployment) -> bool:
        try:
            if stored.kind != FILE:
                return same_account(self._things.deployment(stored), deployment)
            return bool(self._gateway.files.there(stored, deployment))
        except NotFoundError:
            return False

    # -- at a vendor -----------------------------------------------------------------------------------------------

    def _store_there(self, stored: StoredObject, deployment: Deployment) -> str | None:
        if stored.kind == FILE:
            return None
        if not self._is_there(stored, deployment):
            raise BadRequestError(f"{stored.id} is at another provider, or in another account.", param="tools")
        return stored.vendor_id

    async def _file_there(self, stored: StoredObject, deployment: Deployment, part: Body) -> str | None:
        """The vendor's id; None if the vendor is to get the content."""
        if self._is_there(stored, deployment) and not _is_image_of_chat(part, stored):
            return self._gateway.files.there(stored, deployment)
        api = deployment.provider.files_api
        takes = api is not None and (api.purposes is None or stored.data["purpose"] in api.purposes)
        if not takes or _is_image_of_chat(part, stored):
            return None
        try:
            return await self._gateway.files.vendor_file(stored, deployment)
        except NotFoundError:
            return None  # a server like OpenAI's that has no files after all

    async def _content(self, stored: StoredObject) -> bytes:
        """The content, which is kept for further tries. Raises BadRequestError if there is too much of it."""
        found = self._contents.get(stored.id)
        if found is not None:
            return found
        room = MAX_INLINE - sum(map(len, self._contents.values()))
        pieces: list[bytes] = []
        content = self._gateway.files.content(stored)
        try:
            async for piece in content:
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    raise BadRequestError(
                        f"{stored.id} is too large for a model whose provider takes no such files: "
                        f"more than {MAX_INLINE // 1024 // 1024} MB.",
                        param="file_id",
                    )
        finally:
            await content.aclose()
        found = b"".join(pieces)
        if stored.data.get("kept") and len(found) != stored.data["bytes"]:
            raise files.missing(stored.id)  # somebody has deleted it meanwhile
        self._contents[stored.id] = found
        return found


def _is_image_of_chat(part: Body, stored: StoredObject) -> bool:
    """Whether it is an image in the normal form, which has ids for documents only."""
    return part["type"] == "file" and str(stored.data["content_type"]).startswith("image/")


def _inline(part: Body, stored: StoredObject, content: bytes) -> Body:
    """A part with the content of a file. Raises BadRequestError for those that hold ids only."""
    kind, media, name = part["type"], str(stored.data["content_type"]), stored.data["filename"]
    rest = {key: value for key, value in part.items() if key not in ("file", "file_id", "source")}
    if kind == "file":
        if media.startswith("image/"):
            return {**rest, "type": "image_url", "image_url": {"url": data_uri(media, content)}}
        file = {key: value for key, value in part["file"].items() if key not in ("file_id", "format")}
        return {**rest, "file": {"filename": name, **file, "file_data": data_uri(media, content)}}
    if kind == "input_file":
        return {"filename": name, **rest, "file_data": data_uri(media, content)}
    if kind in ("input_image", "computer_screenshot"):
        return {**rest, "image_url": data_uri(media, content)}
    if kind == "document" and media.startswith("text/"):
        text = content.decode("utf-8", "replace")
        return {**rest, "source": {"type": "text", "media_type": "text/plain", "data": text}}
    if kind in ("image", "document"):
        data = data_uri(media, content).partition(",")[2]
        return {**rest, "source": {"type": "base64", "media_type": media, "data": data}}
    raise BadRequestError(f"{stored.id}: the provider of this model takes no such files.", param="file_id")
