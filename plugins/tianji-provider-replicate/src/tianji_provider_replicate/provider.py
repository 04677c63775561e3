"""The provider: a prediction is made, and followed until it has ended or streams.

Source: Replicate's HTTP API reference, "Create a prediction", "Get a prediction", "Cancel a prediction".
"""

from __future__ import annotations

import asyncio
from typing import ClassVar
from urllib.parse import urlsplit

import orjson

from tianji_core.api.errors import (
    APIConnectionError,
    AuthenticationError,
    BadGatewayError,
    GatewayError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import PassThrough
from tianji_core.api.provider import (
    Body,
    Capabilities,
    Feature,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.translate.media import data_uri
from tianji_core.translate.urls import below
from tianji_provider_replicate import prediction
from tianji_provider_replicate.models import inputs_of, target_of
from tianji_provider_replicate.request import CHAT_PARAMS, IMAGES_PARAMS, chat_input, image_input
from tianji_provider_replicate.stream import ReplicateStreamDecoder

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.25, 5.0, 1.4
"""Seconds between two looks at a prediction: few take less than the first, and some take minutes."""
LOOKS_LOST = 3
"""Looks in a row that may fail before the call does."""
CANCEL_SECONDS = 10.0
_ID_KEY = "prediction_id"
"""Where `follow` leaves the id for the stream's decoder, in a body that has been sent by then."""


class Replicate(Provider):
    """Models on Replicate: official ones, versions of any other, and deployments."""

    name: ClassVar[str] = prediction.NAME
    api_key_env: ClassVar[tuple[str, ...]] = ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN")
    api_base_env: ClassVar[tuple[str, ...]] = ("REPLICATE_API_BASE",)
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat", "images", features=("streaming", "images", "reasoning", "seed")
    )
    pause = staticmethod(asyncio.sleep)

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        base = settings.api_base or settings.env(*self.api_base_env) or "https://api.replicate.com/v1"
        self.api_base = base.rstrip("/")
        self.api_key = settings.api_key or settings.env(*self.api_key_env)
        fields = {"content-type": "application/json"}
        if self.api_key:
            fields["authorization"] = f"Bearer {self.api_key}"
        fields.update({name.lower(): value for name, value in settings.extra_headers.items()})
        self._headers = list(fields.items())
        self._cancelling: set[asyncio.Task[None]] = set()

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        if operation == "images":
            return IMAGES_PARAMS
        return CHAT_PARAMS | {"reasoning_effort"} if inputs_of(model).effort else CHAT_PARAMS

    def features(self, model: str) -> frozenset[Feature]:
        names = inputs_of(model)
        has: dict[Feature, bool] = {"images": names.images is not None, "reasoning": names.effort}
        return self.capabilities.features - {name for name, there in has.items() if not there}

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation not in self.capabilities.operations:
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        self._check_key()
        target = target_of(request.model)
        chat = request.operation == "chat"
        body: Body = {
            "input": chat_input(request.body, drop=request.drop_params) if chat else image_input(request.body)
        }
        if target.version is not None:
            body["version"] = target.version
        if request.stream:
            body["stream"] = True
        return UpstreamRequest("POST", self.api_base + target.path, self._headers.copy(), orjson.dumps(body))

    async def follow(
        self, request: ModelRequest, reply: UpstreamReply, network: Network
    ) -> UpstreamReply | UpstreamRequest:
        """Wait for the prediction's end, or go on to its stream. A call that ends before takes it along."""
        found = prediction.read(reply.body)
        if found["status"] not in prediction.ENDED:
            request.body[_ID_KEY] = own = prediction.id_of(found)
            stream = prediction.stream_of(found) if request.stream else None
            if stream is not None:
                return UpstreamRequest("GET", stream, self._stream_headers(stream))
            try:
                reply = await self._end_of(own, network)
            except BaseException:  # above all the call's time-out, and a client that has gone
                self._cancel(own, network)
                raise
        if request.operation == "images" and request.body.get("response_format") == "b64_json":
            return await self._with_files(reply, network)
        return reply

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self._check_key()
        fields = [field for field in self._headers if field[0] != "content-type"]
        return request.to(below(self.api_base, request.path), fields)

    def _check_key(self) -> None:
        if not any(name == "authorization" for name, _ in self._headers):
            raise AuthenticationError(
                f"No API key for provider {self.name!r}: set api_key or {' or '.join(self.api_key_env)}.",
                provider=self.name,
            )

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        found = prediction.read(reply.body)
        prediction.check(found)
        return (
            prediction.images_answer(found)
            if request.operation == "images"
            else prediction.chat_answer(found, request.model)
        )

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return ReplicateStreamDecoder(request.model, str(request.body.get(_ID_KEY) or "prediction"))

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return prediction.parse_error(status, headers, body)

    # -- predictions under way -----------------------------------------------------------------------------------

    async def _end_of(self, own: str, network: Network) -> UpstreamReply:
        """Look at the prediction, ever less often, until it has ended. A look or two may fail."""
        pause, lost = FIRST_PAUSE, 0
        while True:
            await self.pause(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
            try:
                reply = await network.fetch(UpstreamRequest("GET", self._url(own), self._headers.copy()))
                if not 200 <= reply.status < 300:
                    raise self.parse_error(reply.status, reply.headers, reply.body)
            except GatewayError as error:
                lost += 1
                if not error.retryable or lost > LOOKS_LOST:
                    raise
                pause = max(pause, min(error.retry_after or 0.0, 60.0))
                continue
            lost = 0
            if prediction.read(reply.body)["status"] in prediction.ENDED:
                return reply

    def _cancel(self, own: str, network: Network) -> None:
        """Have the prediction stopped, in the background: nobody is to wait for that, and it costs if it goes on."""
        task = asyncio.ensure_future(self._cancelled(own, network))
        self._cancelling.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._cancelling.discard)

    async def _cancelled(self, own: str, network: Network) -> None:
        request = UpstreamRequest("POST", f"{self._url(own)}/cancel", self._headers.copy())
        try:
            await network.fetch(request, timeout=CANCEL_SECONDS)
        except GatewayError:
            return  # it then ends by itself

    async def _with_files(self, reply: UpstreamReply, network: Network) -> UpstreamReply:
        """The prediction with its files as data URIs; they lie on a host of their own, which wants no key."""
        found = prediction.read(reply.body)
        output = found.get("output")
        files = []
        for url in output if isinstance(output, list) else [output]:
            if isinstance(url, str) and url.startswith("https://"):
                file = await network.fetch(UpstreamRequest("GET", url), limit=64 * 1024 * 1024)
                if file.status != 200:
                    raise APIConnectionError("An image of the prediction could not be fetched.", provider=self.name)
                url = data_uri((file.headers.get("content-type") or "image/png").partition(";")[0], file.body)
            files.append(url)
        return UpstreamReply(reply.status, reply.headers, orjson.dumps({**found, "output": files}))

    def _url(self, own: str) -> str:
        return f"{self.api_base}/predictions/{own}"

    def _stream_headers(self, url: str) -> list[tuple[str, str]]:
        """The key goes along to the API's own host only; the streams' host needs none."""
        fields = [("accept", "text/event-stream"), ("cache-control", "no-store")]
        try:
            same = urlsplit(url)[:2] == urlsplit(self.api_base)[:2]
        except ValueError:
            raise BadGatewayError("The provider's prediction has no usable stream.", provider=self.name) from None
        return [*fields, *(field for field in self._headers if field[0] == "authorization")] if same else fields
