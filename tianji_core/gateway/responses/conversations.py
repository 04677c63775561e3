"""Conversations that a vendor keeps (`/v1/conversations`), as answers of Responses go on in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.provider import Body
from tianji_core.gateway.objects.targets import same_account
from tianji_core.routing import Deployment

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

KIND = "conversation"


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation by the client's id, and where it is under which."""

    id: str
    vendor_id: str
    deployment: Deployment

    def leads_to(self, deployment: Deployment) -> bool:
        return same_account(deployment, self.deployment)

    def put_into(self, response: Body) -> None:
        """Call it by the client's id in an answer."""
        if response.get("conversation") is not None:
            response["conversation"] = {"id": self.id}


async def place_of(gateway: Gateway, given: Any, principal: Principal) -> Place | None:
    """Where the conversation is that a request names. An admin may name one of the vendor's own too: None.

    Raises BadRequestError for what is no name, NotFoundError for what is not the caller's.
    """
    ident = given.get("id") if isinstance(given, dict) else given
    if not isinstance(ident, str) or not ident:
        raise BadRequestError("conversation must be an id, or an object with one.", param=KIND)
    from tianji_core.gateway.objects.things import Things

    things = Things(gateway)
    try:
        stored = await things.get(KIND, ident, principal)
    except NotFoundError:
        if principal.is_admin:
            return None
        raise
    return Place(ident, stored.vendor_id or "", things.deployment(stored))
