"""Calls to vendors that speak the client's own dialect: nothing is translated, neither there nor back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.errors import APIConnectionError, BadGatewayError, BadRequestError, GatewayError
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.members import OWN
from tianji_core.api.provider import PATH_DIALECTS, Body, ModelRequest, Provider, StreamDecoder, Unwrapper
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.call import Call
from tianji_core.gateway.heavy import in_thread
from tianji_core.gateway.paths import without
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.gateway.vendor_request import forwarded
from tianji_core.routing import Deployment
from tianji_core.translate.surfaces.contract import NativeStream, Surface
from tianji_core.transport import UpstreamResponse
from tianji_core.wire.sse import encode_event

_UNDER_WAY = ("queued", "in_progress")
"""What an answer says of itself that the vendor still works on."""

_IN_PATH = ("model", "stream")
"""Members that a body cannot say where the path does."""
_KEPT = frozenset({"model", "stream", "messages", "input", "contents"})
"""Members that no list of parameters to drop takes out."""


def speaks_natively(call: Call, deployment: Deployment, model: str) -> bool:
    """Whether this deployment gets the client's request as it came; `model` is the vendor's name.

    Raises BadRequestError for a request that has to be translated for it and cannot be.
    """
    surface = call.surface
    if surface is None or deployment.mock_response is not None:
        return False
    if deployment.provider.speaks(surface.name, model):
        return call.native is not None
    surface.check_sayable(call.asked or {})
    return False


def can_be_said(call: Call) -> bool:
    """Whether a request in a dialect can be told in the normal form too, with nothing lost that matters."""
    try:
        if call.surface is not None:
            call.surface.check_sayable(call.asked or {})
    except BadRequestError:
        return False
    return True


def native_request(call: Call, deployment: Deployment, model: str) -> ModelRequest:
    """The request as the vendor gets it: the client's members, before them the row's own, and no member of ours."""
    surface = call.surface
    assert surface is not None  # noqa: S101 - see speaks_natively
    body = surface.with_defaults(surface.for_vendor(call.native or {}, deployment.id), deployment.defaults, model)
    for name in deployment.dropped_params - _KEPT:
        body.pop(name, None)
    for place in deployment.dropped_places + call.options.dropped:
        if place[0] not in _KEPT:
            body = without(body, place)
    if surface.name not in PATH_DIALECTS:
        body["model"] = model
    body.update(deployment.fixed)
    drops = deployment.drop_params or call.options.drop_params
    headers = forwarded(call, deployment.provider)
    return ModelRequest("chat", model, body, call.stream, headers, drops, call.dialect, native=True)


class NativeAttempt(Attempt):
    """One try in the client's dialect."""

    __slots__ = ()

    async def written(self, model: str) -> UpstreamRequest:
        provider, surface = self._deployment.provider, self._call.surface
        assert surface is not None  # noqa: S101 - see speaks_natively
        sent = native_request(self._call, self._deployment, model)
        if self._call.kept is not None:
            await self._call.kept.put_in(self._call, sent, self._deployment)
        if self._deployment.needs_prepare:
            await provider.prepare(sent, self._deployment.network)
        return provider.build_native(surface.name, sent)

    async def read(self, model: str, reply: UpstreamReply) -> Reply:
        return self._answered(self._asked(model), reply)

    async def _run(self, model: str) -> Reply | StreamReply:
        call, deployment = self._call, self._deployment
        provider, surface = deployment.provider, call.surface
        assert surface is not None  # noqa: S101 - see speaks_natively
        request = self._asked(model)
        sent = native_request(call, deployment, model)
        if call.kept is not None:
            await call.kept.put_in(call, sent, deployment)
        if deployment.needs_prepare:
            await provider.prepare(sent, deployment.network)
        if call.heavy:
            upstream = await in_thread(provider.build_native, surface.name, sent)
        else:
            upstream = provider.build_native(surface.name, sent)
        if deployment.needs_authorize:
            upstream = await provider.authorize(upstream, deployment.network)
        response = await self._exchange(upstream)
        if not 200 <= response.status < 300:
            raise await self._failure(provider, response)
        if call.stream:
            return await self._native_stream(surface, request, response)
        return self._answered(request, await self._read(response))

    def _answered(self, request: ModelRequest, reply: UpstreamReply) -> Reply:
        """The reply for a whole answer."""
        call, surface = self._call, self._call.surface
        assert surface is not None  # noqa: S101 - see speaks_natively
        try:
            answer = orjson.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.")
        call.usage = surface.native_usage(answer) or {}
        call.deferred = answer.get("status") in _UNDER_WAY
        if self._deployment.rates is None:
            call.named_model = answer.get("model")
        if "model" in answer:
            answer["model"] = call.answering_model
        keep = self._keep and not call.deferred
        chat = self._parse(request, reply, translates=True, reshapes=False) if keep else {}
        return Reply(chat if isinstance(chat, dict) else {}, native=answer)

    def _stream_ended(self, reply: StreamReply, error: GatewayError | None, first_token: float) -> None:
        if error is not None and self._counts and reply.pieces:
            # Cut off before the vendor said all that it has counted: what was delivered has to tell.
            from tianji_core.accounting.cut import cut_usage

            call = self._call
            told = reply.transform.usage
            call.usage_source = "estimate"
            reply.transform.usage = cut_usage(call.body, told, reply.pieces, reply.more)
        super()._stream_ended(reply, error, first_token)

    def _asked(self, model: str) -> ModelRequest:
        """The request in the normal form: what the provider reads the answer with."""
        call = self._call
        body = {**call.body, "model": model}
        return ModelRequest("chat", model, body, call.stream, dialect=call.dialect, native=True)

    async def _native_stream(self, surface: Surface, request: ModelRequest, response: UpstreamResponse) -> StreamReply:
        provider = self._deployment.provider
        decoder = provider.stream_decoder(request) if self._keep else None
        unwrapper = provider.unwrap_native(surface.name, request)
        transform = NativeRelay(
            surface.native_stream(self._call.answering_model), provider, request, decoder, unwrapper
        )
        reply = StreamReply(self._call, response, transform)
        reply.native = True
        return await self._begun(reply)


def native_body(surface: Surface, body: Body) -> Body:
    """What of a client's request is for the vendor: `metadata` if the dialect has it, nothing that is the gateway's."""
    kept = ("metadata",) if surface.owns_metadata else ()
    gone = _IN_PATH if surface.name in PATH_DIALECTS else ()
    return {name: value for name, value in body.items() if (name not in OWN or name in kept) and name not in gone}


class NativeRelay(StreamTransform):
    """A stream in the client's dialect, passed on. With a decoder its chunks are kept for whoever wants to see them."""

    def __init__(
        self,
        stream: NativeStream,
        provider: Provider,
        request: ModelRequest,
        decoder: StreamDecoder | None,
        unwrapper: Unwrapper | None = None,
    ) -> None:
        super().__init__(wants_usage=False, keep=decoder is not None)
        self._stream = stream
        self._provider = provider
        self._request = request
        self._decoder = decoder
        self._unwrapper = unwrapper
        self._counted: Mapping[str, Any] | None = None

    @property
    def usage(self) -> Mapping[str, Any] | None:
        return self._counted or self._stream.usage

    @usage.setter
    def usage(self, usage: Mapping[str, Any] | None) -> None:
        self._counted = usage

    @property
    def number(self) -> int:  # type: ignore[override]
        return self._stream.number

    def feed(self, data: bytes) -> bytes:
        unwrapper = self._unwrapper
        if unwrapper is not None:
            data = unwrapper.feed(data)
        out = self._stream.feed(data)
        if self._decoder is not None and self._kept is not None:
            self._kept += self._decoder.feed(data)
        if self._stream.error is not None:
            self.error = self._error_of(self._stream.error)
        elif unwrapper is not None and not self._stream.complete:
            self.error = unwrapper.error
        return out

    def finish(self) -> bytes:
        out = self._stream.finish()
        if self._decoder is not None and self._kept is not None:
            self._kept += self._decoder.finish()
        if self._stream.error is not None:
            self.error = self._error_of(self._stream.error)
        elif not self._stream.complete:
            self.error = APIConnectionError("The provider's stream ended before it was complete.")
        return out

    def kept(self) -> list[Body]:
        return self._kept or []

    def _error_of(self, event: Body) -> GatewayError:
        """The provider knows its own errors: a fresh decoder is shown this one."""
        decoder = self._provider.stream_decoder(self._request)
        decoder.feed(encode_event(orjson.dumps(event), str(event.get("type") or "error")))
        return decoder.error or BadGatewayError("The provider's stream reported an error.")
