"""What a gateway needs to remember answers of Responses: made with the first call that speaks it."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError
from tianji_core.api.provider import Body
from tianji_core.config import Settings
from tianji_core.gateway.call import Call
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.responses.background import Background
from tianji_core.gateway.responses.conversations import Place, place_of
from tianji_core.gateway.responses.deferred import Deferred
from tianji_core.gateway.responses.ids import AtVendor, ResponseIds, keeps
from tianji_core.gateway.responses.kept import Answer, Conversation, KeptResponses
from tianji_core.gateway.responses.stored import StoredResponses
from tianji_core.gateway.responses.turn import Compaction, Turn
from tianji_core.routing import Deployment
from tianji_core.store import StoreUnavailableError
from tianji_core.telemetry import get_logger
from tianji_core.translate.surfaces.responses import COMPACTION

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

log = get_logger("tianji.calls")

DAY = 24 * 3600
MEBIBYTE = 1024 * 1024
_OF_ANSWERS = ("background", "store", "stream", "stream_options")
"""Members of a request that say what becomes of its answer."""
_OURS = re.compile("resp_[0-9a-f]{32}")
T = TypeVar("T")


class ResponseMemory:
    """The memory of one gateway.

    `ids` seals the ids of answers at vendors, `kept` has the gateway's own, `stored` finds both. `background` has what
    is still being worked on here, `deferred` what vendors still work on.
    """

    def __init__(self, gateway: Gateway) -> None:
        general = gateway.config.general_settings
        self.ids = ResponseIds(_secret(gateway), gateway.pipeline.models.deployments)
        self.kept = KeptResponses(
            gateway.store, general.responses_retention_days * DAY, int(general.max_request_size_mb * MEBIBYTE)
        )
        self.background = Background(self.kept)
        self.stored = StoredResponses(self)
        self.deferred = Deferred(gateway.pipeline, gateway.pipeline.max_response_bytes)
        self.max_response_bytes = gateway.pipeline.max_response_bytes
        self._gateway = gateway
        self._models = gateway.pipeline.models
        self.prompt_files = gateway.prompt_files
        self._store = gateway.store
        self._wanted = general.store_responses
        self._writing: set[asyncio.Task[Any]] = set()

    # -- calls ---------------------------------------------------------------------------------------------------

    async def turn(self, asked: Any, principal: Principal) -> Turn:
        """What a request is about, with what was said before it.

        Raises BadRequestError or NotFoundError if that is not there, StoreUnavailableError if that cannot be known, or
        if the client wants the answer to be kept and it cannot be.
        """
        if not isinstance(asked, dict):
            raise BadRequestError("The request body must be a JSON object.", param="request_body")
        previous = asked.get("previous_response_id")
        before = None if previous is None else await self._before(previous, principal.owner)
        background = asked.get("background")
        if background is not None and not isinstance(background, bool):
            raise BadRequestError("background must be a boolean.", param="background")
        place: Place | None = None
        if asked.get("conversation") is not None:
            if not self._is_kept_by_vendor(asked):
                raise BadRequestError("This model's vendor has no conversations.", param="conversation")
            place = await place_of(self._gateway, asked["conversation"], principal)
        ident = "resp_" + secrets.token_hex(16) if self._keeps(asked) else None
        if ident is not None and (asked.get("store") or background) and not self._is_kept_by_vendor(asked):
            await self.kept.check()
        return Turn(self, principal.owner, asked, ident=ident, before=before, place=place)

    async def compaction(self, asked: Any, principal: Principal) -> Compaction:
        """The same for a request to make one item of a conversation."""
        if isinstance(asked, dict):
            asked = {name: value for name, value in asked.items() if name not in _OF_ANSWERS}
        turn = await self.turn(asked, principal)
        return Compaction(self, principal.owner, turn.asked, ident=None, before=turn.before, place=turn.place)

    async def prompt(self, asked: Any, principal: Principal) -> Turn:
        """The same for a request whose tokens are to be counted."""
        if isinstance(asked, dict):
            asked = {name: value for name, value in asked.items() if name not in _OF_ANSWERS}
        return await self.turn(asked, principal)

    def _keeps(self, asked: Body) -> bool:
        """Whether the answer is to be kept here, if the vendor does not: see docs/guides/responses.md."""
        store = asked.get("store")
        if store is not None and not isinstance(store, bool):
            raise BadRequestError("store must be a boolean.", param="store")
        if store is False and asked.get("background"):
            raise BadRequestError("background needs responses to be stored: store must be true.", param="background")
        if self._wanted is False or store is False:
            return False
        return bool(store or asked.get("background") or self._wanted or self._store.configured)

    def _is_kept_by_vendor(self, asked: Body) -> bool:
        target = self._models.resolve(str(asked.get("model")))
        return target is not None and all(keeps(d) for d in target.deployments)

    async def _before(self, previous: Any, owner: str) -> AtVendor | Conversation:
        if not isinstance(previous, str):
            raise BadRequestError("previous_response_id must be a string.", param="previous_response_id")
        at_vendor = self.ids.open(previous, owner)
        if at_vendor is not None:
            return at_vendor
        found = await self.kept.conversation(previous, owner) if self.may_have(previous) else previous
        if isinstance(found, str):
            raise BadRequestError(
                f"Previous response with id '{found}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return found

    def may_have(self, ident: str) -> bool:
        """Whether an id may be one of the gateway's own: no others are looked for."""
        return _OURS.fullmatch(ident) is not None and self._store.in_use

    def works_at_vendor(self, call: Call, pipeline: Pipeline) -> bool:
        """Whether a call in the background goes to a vendor that does so itself: none that a guardrail has to see."""
        if call.native is None or pipeline.watches(call):
            return False
        target = self._models.resolve(call.model)
        return target is not None and any(keeps(deployment) for deployment in target.deployments)

    def at_vendors(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline for a call that only vendors with a memory can answer."""

        def refusal(name: str) -> BadRequestError:
            return BadRequestError(f"Model {name!r} cannot answer this call in the background.", param="background")

        return pipeline.limited_to(keeps, refusal)

    def speaking(self, pipeline: Pipeline, call: Call, why: BadRequestError) -> Pipeline:
        """The pipeline for a call that only vendors of Responses understand; `why` is what others are spared."""

        def speaks(deployment: Deployment) -> bool:
            native = call.native is not None and deployment.mock_response is None
            return native and deployment.provider.speaks(call.dialect, deployment.model)

        return pipeline.limited_to(speaks, lambda name: why)

    def compacting(self, pipeline: Pipeline, call: Call) -> Pipeline:
        """The pipeline for a call that only vendors with compaction can answer."""

        def refusal(name: str) -> NotFoundError:  # to clients, a gateway without this route for this model
            return NotFoundError(f"Model {name!r} cannot compact a conversation.", param="model")

        def compacts(deployment: Deployment) -> bool:
            return COMPACTION in deployment.provider.native_dialects and call.native is not None

        return pipeline.limited_to(compacts, refusal)

    def preferring(self, pipeline: Pipeline, account: str) -> Pipeline:
        """The pipeline for a call with reasoning in it that one account can read: through that, where it serves."""
        return pipeline.limited_to(lambda d: self.ids.account(d.id) == account)

    def bound(self, pipeline: Pipeline, call: Call, before: AtVendor) -> Pipeline:
        """The pipeline for a call that goes on with what a vendor keeps: only through that vendor's account."""
        known = {deployment.id for deployment in before.deployments}
        what = f"Response '{before.id}' cannot be continued"
        return _kept_there(pipeline, call, lambda d: d.id in known, what, "previous_response_id")

    def within(self, pipeline: Pipeline, call: Call, place: Place) -> Pipeline:
        """The pipeline for a call in a conversation that a vendor keeps: only through that vendor's account."""
        what = f"Conversation '{place.id}' cannot go on"
        return _kept_there(pipeline, call, place.leads_to, what, "conversation")

    async def keep(self, owner: str, answer: Answer) -> None:
        """Keep an answer before it goes out. Where the database fails `store` says so: the answer itself is good."""
        try:
            await self.finish(self.kept.add(owner, answer))
        except StoreUnavailableError:
            log.warning("response not stored", id=answer.response["id"])
            answer.response["store"] = False
        except Exception:  # a defect, or tables that somebody has changed: no reason to lose what was paid for
            log.exception("response not stored", id=answer.response["id"])
            answer.response["store"] = False

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it to its end, also if the client goes away meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """End the work in the background, and wait for what is being written."""
        await self.background.aclose()
        await self.deferred.aclose()
        if self._writing:
            await asyncio.wait(self._writing)


def _kept_there(
    pipeline: Pipeline, call: Call, leads_there: Callable[[Deployment], bool], what: str, param: str
) -> Pipeline:
    """The pipeline for a call that only one account can answer, as it came; `what` begins what others are told."""

    def refusal(name: str) -> BadRequestError:
        if call.native is None:
            why = "a guardrail has changed this request, and the conversation is kept by the provider"
        else:
            why = f"it is kept by another provider or account than model {name!r} is served by"
        return BadRequestError(f"{what}: {why}.", param=param)

    return pipeline.limited_to(lambda d: leads_there(d) and call.native is not None, refusal)


def _secret(gateway: Gateway) -> bytes:
    """What ids are sealed with: the salt key, else the master key, else the vendors' keys.

    They have to be secret and the same in all processes. Without any way of telling callers apart there is nothing to
    protect.
    """
    settings = Settings.read(gateway.loaded.environ)
    found = settings.salt_key or gateway.config.general_settings.master_key or settings.master_key
    if found:
        return str(found).encode()
    if not gateway.auth_backends:
        return b""
    keys = sorted({key for deployment in gateway.pipeline.models.deployments for key in deployment.secrets})
    return "\0".join(keys).encode("utf-8", "surrogatepass") or secrets.token_bytes(32)
