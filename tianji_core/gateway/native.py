"""Calls to vendors that speak the client's own dialect: nothing is translated, neither there nor back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.errors import APIConnectionError, BadGatewayError, GatewayError
from tianji_core.api.provider import Body, ModelRequest, Provider, StreamDecoder
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.body import OWN
from tianji_core.gateway.call import Call
from tianji_core.gateway.reply import Reply, StreamReply
from tianji_core.gateway.transforms import StreamTransform
from tianji_core.routing import Deployment
from tianji_core.translate.surfaces.contract import NativeStream, Surface
from tianji_core.transport import UpstreamResponse
from tianji_core.wire.sse import encode_event

_UNDER_WAY = ("queued", "in_progress")
"""What an answer says of itself that the vendor still works on."""


def speaks_natively(call: Call, deployment: Deployment) -> bool:
    """Whether this deployment gets the client's request as it came."""
    surface = call.surface
    return (
        surface is not None
        and call.native is not None
        and surface.name in deployment.provider.native_dialects
        and deployment.mock_response is None
    )


class NativeAttempt(Attempt):
    """One try in the client's dialect."""

    __slots__ = ()

    async def _run(self, model: str) -> Reply | StreamReply:
        call, deployment = self._call, self._deployment
        provider, surface = deployment.provider, call.surface
        assert surface is not None  # noqa: S101 - see speaks_natively
        request = self._asked(model)
        upstream = provider.build_native(surface.name, self._native(model, request))
        if deployment.needs_authorize:
            upstream = await provider.authorize(upstream, deployment.network)
        response = await self._exchange(upstream)
        if not 200 <= response.status < 300:
            raise await self._failure(provider, response)
        if call.stream:
            return await self._native_stream(surface, request, response)
        reply = await self._read(response)
        try:
            answer = orjson.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.")
        call.usage = surface.native_usage(answer) or {}
        if "model" in answer:
            answer["model"] = call.model
        keep = self._keep and answer.get("status") not in _UNDER_WAY
        chat = self._parse(request, reply, translates=True, reshapes=False) if keep else {}
        return Reply(chat if isinstance(chat, dict) else {}, native=answer)

    def _asked(self, model: str) -> ModelRequest:
        """The request in the normal form: what the provider reads the answer with."""
        call = self._call
        return ModelRequest("chat", model, {**call.body, "model": model}, call.stream, dialect=call.dialect)

    def _native(self, model: str, request: ModelRequest) -> ModelRequest:
        """The request as the vendor gets it: without what is the gateway's, with the vendor's name of the model."""
        call, provider = self._call, self._deployment.provider
        dropped = self._deployment.dropped_params
        body = {k: v for k, v in (call.native or {}).items() if k not in dropped}
        body["model"] = model
        headers = {n: value for n in provider.forward_headers if (value := call.header(n.encode())) is not None}
        return ModelRequest("chat", model, body, request.stream, headers, dialect=call.dialect)

    async def _native_stream(self, surface: Surface, request: ModelRequest, response: UpstreamResponse) -> StreamReply:
        provider = self._deployment.provider
        decoder = provider.stream_decoder(request) if self._keep else None
        transform = NativeRelay(surface.native_stream(self._call.model), provider, request, decoder)
        reply = StreamReply(self._call, response, transform)
        reply.native = True
        return await self._begun(reply)


def native_body(body: Body) -> Body:
    """What of a client's request is for the vendor; `metadata` belongs to the dialects, `litellm_metadata` to us."""
    return {name: value for name, value in body.items() if name not in OWN or name == "metadata"}


class NativeRelay(StreamTransform):
    """A stream in the client's dialect, passed on. With a decoder its chunks are kept for whoever wants to see them."""

    def __init__(
        self, stream: NativeStream, provider: Provider, request: ModelRequest, decoder: StreamDecoder | None
    ) -> None:
        super().__init__(wants_usage=False, keep=decoder is not None)
        self._stream = stream
        self._provider = provider
        self._request = request
        self._decoder = decoder
        self._counted: Mapping[str, Any] | None = None

    @property
    def usage(self) -> Mapping[str, Any] | None:
        return self._counted or self._stream.usage

    @usage.setter
    def usage(self, usage: Mapping[str, Any] | None) -> None:
        self._counted = usage

    def feed(self, data: bytes) -> bytes:
        out = self._stream.feed(data)
        if self._decoder is not None and self._kept is not None:
            self._kept += self._decoder.feed(data)
        if self._stream.error is not None:
            self.error = self._error_of(self._stream.error)
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
