"""Claude on Vertex AI: Anthropic's messages by `rawPredict`.

Source: Anthropic's "Claude on Vertex AI" page. The translation is `tianji_core.translate.anthropic`.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from tianji_core.api.errors import UnsupportedCapabilityError
from tianji_core.api.http import Network, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation, StreamDecoder
from tianji_core.translate.anthropic import models
from tianji_core.translate.anthropic.betas import HEADER, join_betas
from tianji_core.translate.anthropic.caching import InjectionPoint, inject_markers
from tianji_core.translate.anthropic.hosts import VERTEX
from tianji_core.translate.anthropic.native import counted, inlined, native_body
from tianji_core.translate.anthropic.request import chat_to_anthropic
from tianji_core.translate.anthropic.response import ReplyContext, parse_message
from tianji_core.translate.anthropic.stream import AnthropicStreamDecoder
from tianji_provider_vertex_ai.places import Place, model_name
from tianji_provider_vertex_ai.publisher import JSON_HEADERS, NAME, Publisher

FEATURES = frozenset(
    {
        "streaming",
        "tools",
        "parallel_tools",
        "tool_choice",
        "json_object",
        "json_schema",
        "images",
        "files",
        "reasoning",
        "prompt_caching",
    }
)


class Claude(Publisher):
    """Anthropic's models."""

    def __init__(self, place: Place, points: tuple[InjectionPoint, ...], *, modify: bool) -> None:
        self._place = place
        self._points = points
        self._modify = modify

    def supported_params(self, model: str, operation: Operation) -> frozenset[str]:
        return models.supported_params(model) if operation == "chat" else frozenset()

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        if request.operation == "chat" and isinstance(request.body.get("messages"), list):
            request.body["messages"] = await inlined(request, VERTEX, network)

    def build(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation != "chat":
            raise UnsupportedCapabilityError(f"Claude has no {request.operation}.", provider=NAME)
        body, betas = self._translated(request)
        return self._post(request, request.model, body, betas)

    def build_native(self, request: ModelRequest) -> UpstreamRequest:
        """The request for a body that is Anthropic's already."""
        body = native_body(request.body, VERTEX, request.headers.get(HEADER))
        return self._post(request, request.model, body, [])

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        """The request that has a prompt counted (Google's "Count tokens for Claude models")."""
        if dialect == "openai":
            body, betas = self._translated(request)
        else:
            body, betas = native_body(request.body, VERTEX, request.headers.get(HEADER)), []
        return self._post(request, "count-tokens", {"model": request.model, **counted(body)}, betas)

    def _translated(self, request: ModelRequest) -> tuple[Body, list[str]]:
        chat = inject_markers(request.body, self._points) if self._points else request.body
        translated = chat_to_anthropic(chat, traits(request.model), modify=self._modify, drop=request.drop_params)
        return VERTEX.body(translated, request.model, stream=request.stream), translated.betas

    def _post(self, request: ModelRequest, model: str, body: Body, betas: list[str]) -> UpstreamRequest:
        wanted = join_betas(betas, VERTEX.admitted(request.headers.get(HEADER)))
        method, query = ("streamRawPredict", "alt=sse") if request.stream else ("rawPredict", "")
        url = self._place.url(f"publishers/anthropic/models/{model_name(model)}", method, query=query)
        headers = [*JSON_HEADERS, (HEADER, wanted)] if wanted else JSON_HEADERS.copy()
        return UpstreamRequest("POST", url, headers, orjson.dumps(body))

    def parse(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        return parse_message(reply.body, self._context(request))

    def decoder(self, request: ModelRequest) -> StreamDecoder:
        return AnthropicStreamDecoder(self._context(request))

    @staticmethod
    def _context(request: ModelRequest) -> ReplyContext:
        return ReplyContext.of(request.body, request.model, NAME, traits(request.model))


def traits(model: str) -> models.Traits:
    """The model's traits on Vertex AI.

    Answers by a schema are there for some models only, and switched off by default (Google's "Structured outputs with
    Anthropic Claude models"): a tool that stands for the answer works with all of them.
    """
    return replace(models.traits(model), json_schema="tool", effort_beta=False)
