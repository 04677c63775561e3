"""Requests for what vendors keep: sent to where it is, with the vendor's ids, and answered with ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import orjson

from tianji_core.api.callback import AttemptRecord
from tianji_core.api.errors import (
    APIConnectionError,
    BadGatewayError,
    BadRequestError,
    GatewayError,
    GuardrailBlockedError,
    NotFoundError,
)
from tianji_core.api.members import OWN
from tianji_core.api.pass_through import PassThrough
from tianji_core.gateway.body import REFUSED, refused_members
from tianji_core.gateway.guardrails.foreign import as_answer, as_request
from tianji_core.gateway.objects import vendors
from tianji_core.gateway.objects.begun import Begun, begin
from tianji_core.gateway.objects.inward import Inward
from tianji_core.gateway.objects.kinds import FILE, KINDS, ids_in, with_ids
from tianji_core.gateway.objects.targets import Chosen, check_model, same_account
from tianji_core.gateway.objects.things import Things
from tianji_core.gateway.reply import transport_failure
from tianji_core.store.objects import StoredObject
from tianji_core.transport import TransportError, UpstreamResponse
from tianji_core.wire.sse import DONE, SSEDecoder, encode_event

if TYPE_CHECKING:
    from tianji_core.gateway.call import Call
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment

Answer = dict[str, Any] | Begun
"""A JSON object, or server-sent events."""
BETA = "openai-beta"
OLD_BETA = "assistants=v2"
"""Without it OpenAI and Azure know no assistants, threads and vector stores."""
AT_ONCE = 8
"""Things of a list that are looked up at the same time."""


@dataclass(slots=True)
class Asked:
    """A caller's request. `rest` is the path below the parent, percent-encoded; `beta` his own `OpenAI-Beta`.

    `cursors` says that `after` and `before` of the query are ids of files.
    """

    method: str
    rest: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    provider: str | None = None
    beta: str | None = None
    cursors: bool = False


@dataclass(slots=True)
class Form:
    """A form with a file in it, which goes on as it comes; `length` is its bytes in all, if that is known."""

    content_type: str
    parts: AsyncIterable[bytes]
    length: int | None


class Relay:
    """Answers one call."""

    def __init__(self, gateway: Gateway, call: Call) -> None:
        self._gateway = gateway
        self._call = call
        self._files = gateway.files
        self._things = Things(gateway)

    # -- what routes ask for ---------------------------------------------------------------------------------------

    async def create(self, kind: str, asked: Asked) -> Answer:
        """Make a thing, which is then the caller's. Raises GatewayError."""
        await self._gateway.store.ready()  # nothing is made that could not be written down
        body, provider = self._cleaned(asked)
        referred = await self._referred(body)
        resource = KINDS[kind].resource
        chosen = self._choose(resource, body, provider, referred)
        owner = self._call.principal.owner
        inward, body = await self._outward(chosen.deployment, owner, body, referred)
        if chosen.model is not None:
            body["model"] = chosen.model
        response = await self._send(chosen.deployment, asked, KINDS[kind].path + asked.rest, body, inward)
        if _is_stream(response):
            return await begin(self._events(response, inward))
        vendor, shown = await self._read(response, inward)
        if not asked.rest:  # else it is a thread that was made with a run, and adopted with it
            await self._things.adopt(kind, owner, chosen.deployment, _id_of(vendor), shown)
        return shown

    async def ask(self, kind: str, id: str, asked: Asked, file_id: str | None = None) -> Answer:
        """Ask for a thing of the caller's, or what is inside it. Raises GatewayError.

        `{file}` in the path is where the vendor's id of a file goes.
        """
        principal = self._call.principal
        stored = await self._things.get(kind, id, principal)
        deployment = self._things.deployment(stored)
        body, _ = self._cleaned(asked) if asked.body is not None else (None, None)
        referred = [] if body is None else await self._referred(body)
        self._check_place(deployment, referred)
        inward, sent = await self._outward(deployment, stored.owner, body or {}, [stored, *referred])
        if isinstance(sent.get("model"), str):
            sent["model"] = self._model_of(deployment, sent["model"])
        path = f"{KINDS[kind].path}/{vendors.segment(stored.vendor_id or '')}{asked.rest}"
        if file_id is not None:
            theirs = self._files.there(await self._files.get(file_id, principal), deployment)
            inward.know(theirs, file_id)
            path = path.replace("{file}", vendors.segment(theirs))
        if asked.cursors:
            asked.query = await self._with_cursors(asked.query, deployment)
        try:
            response = await self._send(deployment, asked, path, None if body is None else sent, inward)
        except NotFoundError:
            if asked.method != "DELETE" or asked.rest:
                raise
            await self._things.forget(stored)  # it is gone there already
            return {"id": id, "object": f"{KINDS[kind].object}.deleted", "deleted": True}
        if _is_stream(response):
            return await begin(self._events(response, inward))
        _, shown = await self._read(response, inward)
        if asked.method == "DELETE" and not asked.rest:
            await self._things.forget(stored)
        elif shown.get("object") == KINDS[kind].object:
            await self._things.note(stored, shown)
        return shown

    async def send_form(self, kind: str, id: str, rest: str, form: Form) -> Answer:
        """Send a form to a thing of the caller's. Raises GatewayError, and whatever the form's parts raise."""
        stored = await self._things.get(kind, id, self._call.principal)
        deployment = self._things.deployment(stored)
        inward = Inward(self._files, self._things, deployment, stored.owner, {stored.vendor_id or "": stored.id})
        path = f"{KINDS[kind].path}/{vendors.segment(stored.vendor_id or '')}{rest}"
        _, shown = await self._read(await self._send(deployment, Asked("POST"), path, None, inward, form), inward)
        return shown

    async def ask_any(self, resource: str, path: str, asked: Asked) -> Answer:
        """Ask a vendor for what it does not keep. Raises GatewayError."""
        body, provider = self._cleaned(asked)
        referred = await self._referred(body)
        chosen = self._choose(resource, body, provider, referred)
        inward, body = await self._outward(chosen.deployment, self._call.principal.owner, body, referred)
        _, shown = await self._read(await self._send(chosen.deployment, asked, path, body, inward), inward)
        return shown

    async def listed(
        self,
        kind: str,
        *,
        provider: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = 20,
        order: Literal["asc", "desc"] = "desc",
    ) -> dict[str, Any]:
        """The caller's own things, as they are now. Raises StoreUnavailableError."""
        found, more = await self._things.list(
            kind, self._call.principal, after=after, before=before, limit=limit, order=order
        )
        gate = asyncio.Semaphore(AT_ONCE)
        shown = await asyncio.gather(*(self._present(stored, gate) for stored in found))
        data = [each for each in shown if each is not None]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}

    async def _present(self, stored: StoredObject, gate: asyncio.Semaphore) -> dict[str, Any] | None:
        """How a thing looks now; as it was last seen if its vendor does not say; None if it is gone."""
        kind, shown = KINDS[stored.kind], stored.data.get("object") or {}
        if kind.settled is None or shown.get("status") in kind.settled:
            return shown
        async with gate:
            try:
                deployment = self._things.deployment(stored)
                known = {stored.vendor_id or "": stored.id}
                inward = Inward(self._files, self._things, deployment, stored.owner, known)
                path = f"{kind.path}/{vendors.segment(stored.vendor_id or '')}"
                response = await vendors.ask(deployment, PassThrough("GET", path, headers=_headers(path, None, None)))
                now = await inward.read(await _whole(response))
                await self._things.note(stored, now)
            except NotFoundError:
                await self._things.forget(stored)
                return None
            except GatewayError:
                return shown
        return now

    # -- out ---------------------------------------------------------------------------------------------------------

    def _cleaned(self, asked: Asked) -> tuple[dict[str, Any], str | None]:
        """The body without what is the gateway's, and the provider that it names. Raises AuthenticationError."""
        body = dict(asked.body or {})
        provider = body.pop("custom_llm_provider", None) or asked.provider
        refused = REFUSED.intersection(body)
        if refused:
            raise refused_members(refused)
        if isinstance(body.get("model"), str):
            check_model(self._call.principal, body["model"])
            self._call.model = body["model"]
        own = OWN - {"metadata"}
        return {name: value for name, value in body.items() if name not in own}, provider if provider else None

    async def _referred(self, body: dict[str, Any]) -> list[StoredObject]:
        """The things, beside files, that a body names. Raises NotFoundError for what is not the caller's."""
        named = {pair for pair in ids_in(body) if pair[0] != FILE}
        return [await self._things.get(kind, id, self._call.principal) for kind, id in sorted(named)]

    def _choose(
        self, resource: str, body: dict[str, Any], provider: str | None, referred: list[StoredObject]
    ) -> Chosen:
        """Where to make something: beside what it refers to, else as the caller says."""
        model = body.get("model") if isinstance(body.get("model"), str) else None
        if referred:
            deployment = self._things.deployment(referred[0])
            self._check_place(deployment, referred)
            return Chosen(deployment, None if model is None else self._model_of(deployment, model))
        targets = self._gateway.targets
        if resource == "fine_tuning" and model is not None and not targets.serves(model):
            chosen = targets.choose(resource, self._call.principal, provider=provider)  # a base model of the vendor's
            return Chosen(chosen.deployment, model)
        return targets.choose(resource, self._call.principal, model=model, provider=provider)

    def _check_place(self, deployment: Deployment, referred: list[StoredObject]) -> None:
        """Raises BadRequestError if something is elsewhere."""
        for each in referred:
            if not same_account(self._things.deployment(each), deployment):
                raise BadRequestError(f"{each.id} is at another provider, or in another account.", param=each.kind)

    def _model_of(self, deployment: Deployment, model: str) -> str:
        """The vendor's name of a model where a deployment is; one that no row there serves is the vendor's own."""
        return self._gateway.targets.model_at(deployment, model) or model

    async def _outward(
        self,
        deployment: Deployment,
        owner: str,
        body: dict[str, Any],
        referred: list[StoredObject],
    ) -> tuple[Inward, dict[str, Any]]:
        """The body with the vendor's ids, and the way back. Files that are not there yet are brought there."""
        principal = self._call.principal
        ids = {(each.kind, each.id): each.vendor_id or "" for each in referred}
        for kind, id in dict.fromkeys(ids_in(body)):
            if kind == FILE:
                stored = await self._files.get(id, principal)
                ids[(kind, id)] = await self._files.vendor_file(stored, deployment)
        known = {theirs: ours for (_, ours), theirs in ids.items()}
        return Inward(self._files, self._things, deployment, owner, known), with_ids(body, ids)

    async def _with_cursors(self, query: Mapping[str, str], deployment: Deployment) -> dict[str, str]:
        """The query of a list of files, whose `after` and `before` are ids of files."""
        found = dict(query)
        for name in ("after", "before"):
            if name in found:
                stored = await self._files.get(found[name], self._call.principal)
                found[name] = self._files.there(stored, deployment)
        return found

    async def _send(
        self,
        deployment: Deployment,
        asked: Asked,
        path: str,
        body: dict[str, Any] | None,
        inward: Inward,
        form: Form | None = None,
    ) -> UpstreamResponse:
        call = self._call
        call.deployment, call.group = deployment, deployment.model_name or None
        call.upstream_model = body.get("model") if body else None
        call.body = body or {}
        call.stream = bool(body and body.get("stream"))
        self._gateway.pipeline.police_relayed(call)
        stages = self._gateway.pipeline.guardrails.stages(call)
        for stage in stages & {"pre_call", "during_call"}:
            if body:
                shown = as_request(body, call.model)
                await self._gateway.pipeline.guardrails.inspect(call, stage, shown)
        if call.stream and "post_call" in stages:
            raise GuardrailBlockedError("A guardrail has to see this answer, and can only be shown JSON.")
        query = urlencode({name: value for name, value in asked.query.items() if name not in _OUR_QUERY})
        if form is not None:
            headers = [("content-type", form.content_type)]
            request = PassThrough(asked.method, path, query, headers, form.parts, form.length)
        else:
            data = b"" if body is None else orjson.dumps(body)
            request = PassThrough(asked.method, path, query, _headers(path, asked.beta, body), data)
        began = time.monotonic()
        failure: GatewayError | None = None
        try:
            return await vendors.ask(deployment, request)
        except GatewayError as error:
            failure = error
            error.message = inward.text(error.message)
            raise
        finally:
            call.upstream_seconds = time.monotonic() - began
            call.attempts.append(
                AttemptRecord(
                    deployment_id=deployment.id,
                    provider=deployment.provider_name,
                    model=call.model,
                    status=failure.http_status if failure is not None else 200,
                    error=type(failure).__name__ if failure is not None else None,
                    started=call.started_at + (began - call.started),
                    duration=call.upstream_seconds,
                )
            )

    # -- back --------------------------------------------------------------------------------------------------------

    async def _read(self, response: UpstreamResponse, inward: Inward) -> tuple[dict[str, Any], dict[str, Any]]:
        """An answer as the vendor gave it, and with our ids."""
        call, chain = self._call, self._gateway.pipeline.guardrails
        call.upstream_headers = response.headers
        data = await _whole(response)
        shown = await inward.read(data)
        self._note_usage(shown)
        call.response = shown
        if "post_call" in chain.stages(call):
            await chain.inspect(call, "post_call", as_request(call.body, call.model), as_answer(shown))
        vendor = orjson.loads(data)
        return vendor, shown

    async def _events(self, response: UpstreamResponse, inward: Inward) -> AsyncGenerator[bytes, None]:
        """A stream of events with our ids. One that ends before `done` raises APIConnectionError."""
        decoder, done = SSEDecoder(), False
        async with response:
            try:
                async for piece in response:
                    for event in decoder.feed(piece):
                        if event.data == DONE:
                            done = True
                            yield encode_event(DONE, event.event)
                            continue
                        value = await inward.read(event.data)
                        self._note_usage(value)
                        yield encode_event(orjson.dumps(value), event.event)
            except TransportError as error:
                raise transport_failure(error) from error
            except ValueError as error:
                raise BadGatewayError("The provider's answer makes no sense.") from error
        if not done:
            raise APIConnectionError("The provider's stream ended before it was complete.")

    def _note_usage(self, value: dict[str, Any]) -> None:
        usage = value.get("usage")
        if isinstance(usage, dict) and value.get("object") == "thread.run":
            self._call.usage = usage


_OUR_QUERY = frozenset({"custom_llm_provider", "provider", "model", "target_model_names"})


def _headers(path: str, beta: str | None, body: object) -> list[tuple[str, str]]:
    found = [("content-type", "application/json")] if body is not None else []
    if path.startswith(("/assistants", "/threads", "/vector_stores")):
        found.append((BETA, beta or OLD_BETA))
    elif beta:
        found.append((BETA, beta))
    return found


def _is_stream(response: UpstreamResponse) -> bool:
    return (response.headers.get("content-type") or "").lower().startswith("text/event-stream")


async def _whole(response: UpstreamResponse) -> bytes:
    try:
        return await response.read(vendors.MAX_ANSWER)
    except TransportError as error:
        raise transport_failure(error) from error


def _id_of(answer: dict[str, Any]) -> str:
    found = answer.get("id")
    if not isinstance(found, str) or not found:
        raise BadGatewayError("The provider's answer has no id.")
    return found
