"""One call of Responses: what it follows, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.dialects import DialectCall, DialectStream
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.prompt_tokens import count_prompt
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.responses.conversations import Place
from tianji_core.gateway.responses.follow import FollowedStream, follow
from tianji_core.gateway.responses.ids import AtVendor
from tianji_core.gateway.responses.kept import Answer, Conversation
from tianji_core.translate.surfaces.contract import Events, NativeStream
from tianji_core.translate.surfaces.responses import COMPACTION, Responses
from tianji_core.translate.surfaces.responses.history import input_items, last_account, said_again, said_to
from tianji_core.translate.surfaces.responses.items import marked
from tianji_core.translate.surfaces.responses.native import NativeResponses
from tianji_core.translate.surfaces.responses.request import responses_to_chat
from tianji_core.translate.surfaces.responses.response import chat_to_response, envelope
from tianji_core.translate.surfaces.responses.retold import KeptEvents
from tianji_core.translate.surfaces.responses.stream import ResponseEvents

if TYPE_CHECKING:
    from tianji_core.gateway.responses.memory import ResponseMemory


def _no_call() -> None:
    return None


class Turn(Responses):
    """The surface `responses` for one call; see `surfaces.contract.Surface`. Made by `ResponseMemory.turn`.

    `body` is what the call is made of: the client's request, with all that was said before it put into its input, or
    with the vendor's name of the answer that it follows.
    """

    def __init__(
        self,
        memory: ResponseMemory,
        owner: str,
        asked: Body,
        *,
        ident: str | None,
        before: AtVendor | Conversation | None = None,
        place: Place | None = None,
    ) -> None:
        """`ident` is the id under which the gateway keeps the answer, None if it is not to."""
        self._memory = memory
        self._owner = owner
        self.asked = asked
        self._ident = ident
        self.before = before
        self.place = place
        self._call: Callable[[], Call | None] = _no_call  # weak: the call has this for its surface
        self._unsayable: BadRequestError | None = None
        self._told = {**asked, "store": ident is not None}
        self.body = asked
        if isinstance(before, AtVendor):
            self.body = {"input": [], **asked, "previous_response_id": before.vendor_id}
        elif before is not None:
            given = input_items(self._asked_items(), "resp_")
            self.body = {name: value for name, value in asked.items() if name != "previous_response_id"}
            self.body["input"] = [*before.items, *given]
        if place is not None:
            self.body = {**self.body, "conversation": place.vendor_id}
        if asked.get("background") is True:  # that is no matter of chat
            self.body = {name: value for name, value in self.body.items() if name != "background"}

    # -- the surface ---------------------------------------------------------------------------------------------

    def to_chat(self, body: Body) -> Body:
        try:
            return super().to_chat(body)
        except BadRequestError as error:
            # A vendor of Responses may well understand it, and then nothing has to be said in chat.
            self._unsayable = error
            return responses_to_chat(body, lenient=True)

    def answer(self, chat: Body, asked: Body) -> Body:
        return chat_to_response(chat, self._told, self._ident)

    def events(self, model: str, asked: Body) -> Events:
        return ResponseEvents(model, self._told, self._ident)

    def can_be_kept(self, body: Body) -> bool:
        # Whoever goes on from an answer needs its id to be known: here, or to nobody since he wants it so.
        if self._unsayable is not None or isinstance(self.before, AtVendor) or self.asked.get("background") is True:
            return False
        return self._ident is not None or self.asked.get("store") is False

    def for_vendor(self, body: Body, deployment_id: str) -> Body:
        return said_to(body, self._memory.ids.account(deployment_id))

    def native_stream(self, model: str) -> NativeStream:
        return NativeResponses(model, self._stamp, self._mark if self._memory.ids.several else None)

    # -- the call ------------------------------------------------------------------------------------------------

    def begin(self, call: Call) -> ResponseCall:
        """The call, as it was read of `body`."""
        self._call = ref(call)
        call.asked = self.asked
        if isinstance(self.before, Conversation):
            call.kept = self._memory.prompt_files()  # what was said before may name some
        if call.native is not None and self.asked.get("input") is None:
            call.native.pop("input", None)
        if call.native is not None and isinstance(self.before, Conversation):
            call.native = {**call.native, "input": said_again(self.before.items) + self._asked_items()}
        return ResponseCall(call, self)

    async def run(self, call: Call, pipeline: Pipeline) -> Reply | StreamReply:
        """The answer in the dialect, kept where it has to be."""
        if self._unsayable is not None:
            pipeline = self._memory.speaking(pipeline, call, self._unsayable)
        if self.asked.get("background") is True:
            if not self._memory.works_at_vendor(call, pipeline):
                return await self._in_background(call, pipeline)
            call.native = {**(call.native or {}), "background": True}
            pipeline = self._memory.at_vendors(pipeline)
        if isinstance(self.before, AtVendor):
            call.options = replace(call.options, disable_fallbacks=True)  # nobody else knows what was said
            pipeline = self._memory.bound(pipeline, call, self.before)
        elif self.place is not None:
            call.options = replace(call.options, disable_fallbacks=True)
            pipeline = self._memory.within(pipeline, call, self.place)
        elif self._memory.ids.several and (account := last_account(self.body.get("input"))) is not None:
            pipeline = self._memory.preferring(pipeline, account)
        reply = await pipeline.run(call)
        if isinstance(reply, StreamReply):
            if reply.native:
                return reply
            if self._ident is None:
                return DialectStream(reply, self.events(call.model, self.asked))
            return KeptStream(reply, KeptEvents(call.model, self._told, self._ident), self)
        if reply.native is not None:
            vendor_id = reply.native.get("id")
            self._stamp(reply.native)
            if call.deferred and call.deployment is not None and isinstance(vendor_id, str):
                at = AtVendor(str(reply.native.get("id")), vendor_id, (call.deployment,))
                self._memory.deferred.watch(call, at)
            return Reply(reply.native)
        answer = self.answer(reply.body, self.asked)
        if self._ident is not None:
            await self.keep(answer)
        return Reply(answer)

    async def count(self, call: Call, pipeline: Pipeline) -> int:
        """The tokens of all that would be said to the model."""
        call.kept = call.kept or self._memory.prompt_files()
        if isinstance(self.before, AtVendor):
            pipeline = self._memory.bound(pipeline, call, self.before)
        elif self.place is not None:
            pipeline = self._memory.within(pipeline, call, self.place)
        return (await count_prompt(pipeline.models, call)).tokens

    async def keep(self, response: Body, cuts: list[int] | None = None) -> None:
        """Keep an answer of the gateway's own; where that fails it says so itself, and goes out all the same."""
        await self._memory.keep(self._owner, self._kept(response, cuts))

    async def _in_background(self, call: Call, pipeline: Pipeline) -> Reply | StreamReply:
        """An answer that this process works on, and that the client comes back for."""
        if self._ident is None:
            raise BadRequestError("background needs responses to be stored.", param="background")
        if isinstance(self.before, AtVendor):
            raise BadRequestError(
                f"Response '{self.before.id}' is kept by its provider: it cannot be continued in the background here.",
                param="background",
            )
        streams, call.stream = call.stream, False
        for name in ("stream", "stream_options"):
            call.body.pop(name, None)
        if call.native is not None:
            call.native = {
                n: v for n, v in {**call.native, "store": False}.items() if n not in ("stream", "stream_options")
            }
        ours = {"id": self._ident, "background": True, "store": True}
        response = envelope(self._ident, int(call.started_at), call.model, self._told, "in_progress", [])
        response.update(ours)

        async def work() -> Body:
            reply = await pipeline.run(call)
            assert isinstance(reply, Reply)  # noqa: S101 - what `stream: false` means
            answer = self.answer(reply.body, self.asked) if reply.native is None else self._marked(reply.native)
            return {**answer, **ours, "previous_response_id": self.asked.get("previous_response_id")}

        kept = await self._memory.background.start(self._owner, self._kept(response), work)
        if streams:
            return FollowedStream(call, follow(self._memory, kept))
        return Reply({**response, "status": "queued"})

    def _kept(self, response: Body, cuts: list[int] | None = None) -> Answer:
        before = self.before.ids if isinstance(self.before, Conversation) else []
        return Answer(response, input_items(self._asked_items(), str(self._ident)), before, cuts or [])

    def _asked_items(self) -> list[Any]:
        given = self.asked.get("input")
        if given is None and self.before is not None:
            return []
        return given if isinstance(given, list) else [{"role": "user", "content": given}]

    def _stamp(self, response: Body) -> None:
        """Put the client's names into an answer that comes from a vendor of Responses."""
        if self.before is not None:
            response["previous_response_id"] = self.asked.get("previous_response_id")
        if self.place is not None:
            self.place.put_into(response)
        self._marked(response)
        call = self._call()
        deployment = call.deployment if call is not None else None
        if self.asked.get("store") is False or response.get("store") is False or deployment is None:
            return  # nobody can ask for it again
        if self.name in deployment.provider.remembers:
            response["id"] = self._memory.ids.seal(str(response.get("id")), deployment, self._owner)

    def _marked(self, response: Body) -> Body:
        if self._memory.ids.several:
            for item in response.get("output") or ():
                self._mark(item)
        return response

    def _mark(self, item: Any) -> None:
        """Note in place which account has encrypted something, so that it goes back there."""
        call = self._call()
        deployment = call.deployment if call is not None else None
        encrypted = item.get("encrypted_content") if isinstance(item, dict) else None
        if deployment is not None and isinstance(encrypted, str) and encrypted:
            item["encrypted_content"] = marked(encrypted, self._memory.ids.account(deployment.id))


class ResponseCall(DialectCall):
    """A turn that has become a call."""

    def __init__(self, call: Call, turn: Turn) -> None:
        super().__init__(call)
        self.turn = turn

    async def run(self, pipeline: Pipeline) -> Reply | StreamReply:
        return await self.turn.run(self.call, pipeline)


class Compaction(Turn):
    """A call of `/responses/compact`: one of the few vendors that have it answers, and nothing is kept."""

    name = COMPACTION

    async def run(self, call: Call, pipeline: Pipeline) -> Reply | StreamReply:
        return await super().run(call, self._memory.compacting(pipeline, call))

    def _stamp(self, response: Body) -> None:
        self._marked(response)


class KeptStream(DialectStream):
    """A stream whose last event goes out once the answer is kept; none of the others waits for anything."""

    def __init__(self, reply: StreamReply, events: KeptEvents, turn: Turn) -> None:
        self._untold = _AllButLast(events)
        super().__init__(reply, self._untold)
        self._turn = turn

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            response = self._untold.take()
            if response is None:
                raise
        await self._turn.keep(response, self._untold.events.cuts)
        return self._untold.events.last(response)


class _AllButLast:
    """The events of a stream, the last one held back."""

    def __init__(self, events: KeptEvents) -> None:
        self.events = events
        self._response: Body | None = None

    @property
    def number(self) -> int:
        return self.events.number

    def write(self, chunk: Body) -> bytes:
        return self.events.write(chunk)

    def end(self, usage: Mapping[str, Any] | None) -> bytes:
        out = self.events.close()
        self._response = self.events.response(usage)
        return out

    def take(self) -> Body | None:
        """The response that the last event is to tell, once."""
        response, self._response = self._response, None
        return response
