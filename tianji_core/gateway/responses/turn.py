"""One call of Responses: what it follows, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import Body
from tianji_core.gateway.call import Call
from tianji_core.gateway.dialects import DialectCall, DialectStream
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.responses.follow import FollowedStream, follow
from tianji_core.gateway.responses.ids import AtVendor
from tianji_core.gateway.responses.kept import Answer, Conversation
from tianji_core.translate.surfaces.contract import Events, NativeStream
from tianji_core.translate.surfaces.responses import RESPONSES
from tianji_core.translate.surfaces.responses.history import input_items, said_again, without_foreign
from tianji_core.translate.surfaces.responses.native import NativeResponses
from tianji_core.translate.surfaces.responses.response import chat_to_response, envelope
from tianji_core.translate.surfaces.responses.retold import KeptEvents
from tianji_core.translate.surfaces.responses.stream import ResponseEvents

if TYPE_CHECKING:
    from tianji_core.gateway.responses.memory import ResponseMemory


class Turn:
    """The surface `responses` for one call; see `surfaces.contract.Surface`. Made by `ResponseMemory.turn`.

    `body` is what the call is made of: the client's request, with all that was said before it put into its input, or
    with the vendor's name of the answer that it follows.
    """

    name = RESPONSES.name
    same = RESPONSES.same

    def __init__(
        self,
        memory: ResponseMemory,
        owner: str,
        asked: Body,
        *,
        ident: str | None,
        before: AtVendor | Conversation | None = None,
    ) -> None:
        """`ident` is the id under which the gateway keeps the answer, None if it is not to."""
        self._memory = memory
        self._owner = owner
        self._asked = asked
        self._ident = ident
        self._before = before
        self._call: Call | None = None
        self._told = {**asked, "store": ident is not None}
        self.body = asked
        if isinstance(before, AtVendor):
            self.body = {**asked, "previous_response_id": before.vendor_id}
        elif before is not None:
            given = input_items(asked.get("input"), "resp_")
            self.body = {name: value for name, value in asked.items() if name != "previous_response_id"}
            self.body["input"] = [*before.items, *given]
        if asked.get("background") is True:  # that is no matter of chat
            self.body = {name: value for name, value in self.body.items() if name != "background"}

    # -- the surface ---------------------------------------------------------------------------------------------

    def to_chat(self, body: Body) -> Body:
        return RESPONSES.to_chat(body)

    def answer(self, chat: Body, asked: Body) -> Body:
        return chat_to_response(chat, self._told, self._ident)

    def events(self, model: str, asked: Body) -> Events:
        return ResponseEvents(model, self._told, self._ident)

    def native_usage(self, answer: Body) -> dict[str, Any] | None:
        return RESPONSES.native_usage(answer)

    def native_stream(self, model: str) -> NativeStream:
        return NativeResponses(model, self._stamp)

    # -- the call ------------------------------------------------------------------------------------------------

    def begin(self, call: Call) -> ResponseCall:
        """The call, as it was read of `body`."""
        self._call = call
        call.asked = self._asked
        given = self.body.get("input")
        if call.native is not None and isinstance(given, list):
            if isinstance(self._before, Conversation):
                said = said_again(self._before.items) + without_foreign(self._asked_items())
                call.native = {**call.native, "input": said}
            elif (said := without_foreign(given)) is not given:
                call.native = {**call.native, "input": said}
        return ResponseCall(call, self)

    async def run(self, call: Call, pipeline: Pipeline) -> Reply | StreamReply:
        """The answer in the dialect, kept where it has to be."""
        if self._asked.get("background") is True:
            if not self._memory.works_at_vendor(call, pipeline):
                return await self._in_background(call, pipeline)
            call.native = {**(call.native or {}), "background": True}
            pipeline = self._memory.at_vendors(pipeline)
        if isinstance(self._before, AtVendor):
            call.options = replace(call.options, disable_fallbacks=True)  # nobody else knows what was said
            pipeline = self._memory.bound(pipeline, call, self._before)
        reply = await pipeline.run(call)
        if isinstance(reply, StreamReply):
            if reply.native:
                return reply
            if self._ident is None:
                return DialectStream(reply, self.events(call.model, self._asked))
            return KeptStream(reply, KeptEvents(call.model, self._told, self._ident), self)
        if reply.native is not None:
            self._stamp(reply.native)
            return Reply(reply.native)
        answer = self.answer(reply.body, self._asked)
        if self._ident is not None:
            await self.keep(answer)
        return Reply(answer)

    async def keep(self, response: Body, cuts: list[int] | None = None) -> None:
        """Keep an answer of the gateway's own; where that fails it says so itself, and goes out all the same."""
        await self._memory.keep(self._owner, self._kept(response, cuts))

    async def _in_background(self, call: Call, pipeline: Pipeline) -> Reply | StreamReply:
        """An answer that this process works on, and that the client comes back for."""
        if self._ident is None:
            raise BadRequestError("background needs responses to be stored.", param="background")
        if isinstance(self._before, AtVendor):
            raise BadRequestError(
                f"Response '{self._before.id}' is kept by its provider: it cannot be continued in the background here.",
                param="background",
            )
        streams, call.stream = call.stream, False
        for name in ("stream", "stream_options"):
            call.body.pop(name, None)
        if call.native is not None:
            call.native = {n: v for n, v in {**call.native, "store": False}.items() if n != "stream"}
        ours = {"id": self._ident, "background": True, "store": True}
        response = envelope(self._ident, int(call.started_at), call.model, self._told, "in_progress", [])
        response.update(ours)

        async def work() -> Body:
            reply = await pipeline.run(call)
            assert isinstance(reply, Reply)  # noqa: S101 - what `stream: false` means
            answer = self.answer(reply.body, self._asked) if reply.native is None else reply.native
            return {**answer, **ours, "previous_response_id": self._asked.get("previous_response_id")}

        kept = await self._memory.background.start(self._owner, self._kept(response), work)
        if streams:
            return FollowedStream(call, follow(self._memory, kept))
        return Reply({**response, "status": "queued"})

    def _kept(self, response: Body, cuts: list[int] | None = None) -> Answer:
        before = self._before.ids if isinstance(self._before, Conversation) else []
        return Answer(response, input_items(self._asked.get("input"), str(self._ident)), before, cuts or [])

    def _asked_items(self) -> list[Any]:
        given = self._asked.get("input")
        return given if isinstance(given, list) else [{"role": "user", "content": given}]

    def _stamp(self, response: Body) -> None:
        """Put the client's names into an answer that comes from a vendor of Responses."""
        if self._before is not None:
            response["previous_response_id"] = self._asked.get("previous_response_id")
        deployment = self._call.deployment if self._call is not None else None
        if self._asked.get("store") is False or response.get("store") is False or deployment is None:
            return  # nobody can ask for it again
        if self.name in deployment.provider.remembers:
            response["id"] = self._memory.ids.seal(str(response.get("id")), deployment, self._owner)


class ResponseCall(DialectCall):
    """A turn that has become a call."""

    def __init__(self, call: Call, turn: Turn) -> None:
        super().__init__(call)
        self.turn = turn

    async def run(self, pipeline: Pipeline) -> Reply | StreamReply:
        return await self.turn.run(self.call, pipeline)


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
