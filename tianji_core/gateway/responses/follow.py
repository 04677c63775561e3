"""Streams of answers that are kept: told from the beginning or from a number on, to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from tianji_core.api.errors import GatewayError
from tianji_core.api.provider import Body, StoredRequest
from tianji_core.gateway.call import Call
from tianji_core.gateway.reply import Push, StreamReply, transport_failure
from tianji_core.gateway.responses import vendor
from tianji_core.gateway.responses.background import UNDER_WAY
from tianji_core.gateway.responses.ids import AtVendor
from tianji_core.gateway.responses.kept import Kept
from tianji_core.translate.surfaces.responses import RESPONSES
from tianji_core.translate.surfaces.responses.native import NativeResponses
from tianji_core.translate.surfaces.responses.retold import RetoldEvents
from tianji_core.transport import TransportError

if TYPE_CHECKING:
    from tianji_core.gateway.responses.memory import ResponseMemory

PAUSE = 1.0
"""Seconds between two looks at an answer that another process works on."""
ALIVE = b": still working\n\n"
"""A comment for those between us and the client that cut silent connections."""


async def follow(memory: ResponseMemory, kept: Kept, after: int = -1) -> AsyncIterator[bytes]:
    """The stream of one of the gateway's own answers; what it says is told once it is whole.

    Raises NotFoundError if it is deleted meanwhile.
    """
    events = RetoldEvents(kept.response, after)
    if begun := events.begin():
        yield begun
    ident, owner = kept.stored.id, kept.stored.owner
    while kept.stored.status in UNDER_WAY:
        await memory.background.wait(ident, PAUSE)
        kept = await memory.stored.kept(ident, owner)
        if kept.stored.status in UNDER_WAY:
            yield ALIVE
    if rest := events.rest(kept.response, kept.cuts):
        yield rest


async def at_vendor(memory: ResponseMemory, at: AtVendor, query: vendor.Query, owner: str) -> AsyncIterator[bytes]:
    """The stream of an answer that a vendor keeps. Raises GatewayError, also midway."""
    deployment = at.deployments[0]
    provider = deployment.provider
    upstream = provider.build_stored(RESPONSES.name, StoredRequest("GET", (at.vendor_id,), tuple(query)))
    if deployment.needs_authorize:
        upstream = await provider.authorize(upstream, deployment.network)

    def stamp(response: Body) -> None:
        memory.deferred.see(at.vendor_id, response)
        vendor.as_clients(response, at, memory.ids, owner)

    events = NativeResponses(None, stamp)
    try:
        response = await deployment.transport.send(upstream, deployment.stream_timeouts)
        async with response:
            if not 200 <= response.status < 300:
                body = await response.read(vendor.MAX_ERROR_BYTES)
                raise vendor.refused(deployment, provider.parse_error(response.status, response.headers, body))
            async for data in response:
                if out := events.feed(data):
                    yield out
            if out := events.finish():
                yield out
    except TransportError as error:
        raise transport_failure(error) from error
    if events.error is not None or not events.complete:
        raise vendor.refused(deployment, vendor.cut_off(events.error))


class FollowedStream(StreamReply):
    """An answer in the background whose client stays to read it. Leaving does not end the work."""

    def __init__(self, call: Call, pieces: AsyncIterator[bytes]) -> None:
        self._call = call
        self._pieces = pieces

    def push_to(self, push: Push) -> None:
        """Nothing comes from a connection here."""

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self, error: GatewayError | None = None, *, quick: bool = False) -> None:
        """Nothing is open."""
