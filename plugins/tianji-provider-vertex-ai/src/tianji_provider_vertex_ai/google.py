"""Google's own models on Vertex AI: Gemini, Imagen, embeddings, and fine-tuned endpoints.

Source: Vertex AI's REST reference (`publishers.models`, `endpoints`). The translation is
`tianji_core.translate.gemini`.
"""

from __future__ import annotations

import orjson

from tianji_core.api.errors import UnsupportedCapabilityError
from tianji_core.api.http import Network, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, ModelRequest, Operation, StreamDecoder
from tianji_core.translate.gemini import operations
from tianji_core.translate.gemini.media import is_read_by_google, type_of_address
from tianji_core.translate.gemini.response import ReplyContext, read_answer
from tianji_core.translate.gemini.stream import GeminiStreamDecoder
from tianji_core.translate.media import inline_media, needs_download
from tianji_provider_vertex_ai import embeddings
from tianji_provider_vertex_ai.places import Place, model_name
from tianji_provider_vertex_ai.publisher import JSON_HEADERS, NAME, Publisher

PREFIX = "gemini/"
"""Put before the number of a fine-tuned endpoint, as LiteLLM has it."""


class Google(Publisher):
    """Gemini and its kin."""

    def __init__(self, place: Place, *, modify: bool, endpoints: bool = False) -> None:
        self._place = place
        self._modify = modify
        self._endpoints = endpoints

    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        return operations.supported_params(bare_name(model), operation)

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        """Vertex AI reads https addresses and `gs://` itself, if it is told what is there."""
        messages = request.body.get("messages")
        if isinstance(messages, list) and needs_download(messages, _is_unreadable):
            request.body["messages"] = await inline_media(messages, network, _is_unreadable)

    def build(self, request: ModelRequest) -> UpstreamRequest:
        model = bare_name(request.model)
        if request.operation == "embeddings":
            asked = embeddings.ask(request.body, model)
        else:
            named = ModelRequest(
                request.operation, model, request.body, request.stream, request.headers, request.drop_params
            )
            asked = operations.ask(named, modify=self._modify)
        return self._request(model, asked)

    def build_native(self, request: ModelRequest) -> UpstreamRequest:
        """The same for a body that is Google's already."""
        return self._request(bare_name(request.model), operations.ask_native(request))

    def build_count(self, request: ModelRequest) -> UpstreamRequest:
        """The request that has the tokens of such a body counted."""
        return self._request(bare_name(request.model), operations.ask_count(request, wrapped=False))

    def _request(self, model: str, asked: operations.Asked) -> UpstreamRequest:
        url = self._place.url(self._path(model), asked.method, query=asked.query)
        return UpstreamRequest("POST", url, JSON_HEADERS.copy(), orjson.dumps(asked.body))

    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        model = bare_name(request.model)
        if request.operation == "embeddings":
            context = ReplyContext.of(request.body, model, NAME)
            return embeddings.read(read_answer(reply.body, context), request.body, request.model)
        return operations.answer(ModelRequest(request.operation, model, request.body), reply, NAME)

    def decoder(self, request: ModelRequest) -> StreamDecoder:
        if request.operation != "chat":
            raise UnsupportedCapabilityError(f"Provider {NAME!r} streams no {request.operation}.", provider=NAME)
        return GeminiStreamDecoder(ReplyContext.of(request.body, bare_name(request.model), NAME))

    def _path(self, model: str) -> str:
        """A model of one's own is an endpoint of the project, with a number for a name."""
        name = model.removeprefix(embeddings.BGE)
        if name.isdigit() or self._endpoints or name != model:
            return f"endpoints/{model_name(name)}"
        return f"publishers/google/models/{model_name(model)}"


def bare_name(model: str) -> str:
    """The model's name without what was put before it to say which format it speaks."""
    return model.removeprefix(PREFIX).removeprefix("google/")


def _is_unreadable(url: str) -> bool:
    lowered = url.lower()
    return lowered.startswith("http://") or (lowered.startswith("https://") and _type_is_unknown(url))


def _type_is_unknown(url: str) -> bool:
    # YouTube's pages are read as videos without being told.
    return type_of_address(url) is None and not is_read_by_google(url)
