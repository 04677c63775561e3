"""The provider: Vertex AI as a host of many publishers' models.

This module knows the credential, the place, and which publisher a model is of; the formats are in those beside it.
"""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar
from urllib.parse import quote, unquote

import orjson

from tianji_core.api.errors import GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import (
    Binary,
    Body,
    Capabilities,
    Feature,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.api.tokens import TokenCache
from tianji_core.openai_compat.errors import parse_error as parse_openai_error
from tianji_core.translate.anthropic.betas import HEADER, join_betas
from tianji_core.translate.anthropic.errors import parse_error as parse_anthropic_error
from tianji_core.translate.gemini import operations
from tianji_core.translate.gemini.errors import error_in, parse_error
from tianji_core.translate.shapes import as_object
from tianji_provider_vertex_ai import claude, embeddings, partners, predicted
from tianji_provider_vertex_ai.credentials import Credential, credential_of
from tianji_provider_vertex_ai.google import Google, bare_name
from tianji_provider_vertex_ai.places import UNKNOWN, Place, default_location
from tianji_provider_vertex_ai.publisher import Publisher
from tianji_provider_vertex_ai.ranking import Ranking
from tianji_provider_vertex_ai.settings import VertexSettings

AT_ONCE = 8
"""Texts that are embedded at the same time, where a model takes one for each request."""
_CALL = re.compile(
    r"/publishers/([^/]+)/models/([^/:]+):(?:generateContent|streamGenerateContent|rawPredict|streamRawPredict|predict"
    r"|predictLongRunning|serverStreamingPredict|countTokens|computeTokens|embedContent)$"
)
_OPENAI_CALL = re.compile(r"/endpoints/openapi/(chat/completions|embeddings)$")
_UNKNOWN = f"/projects/{UNKNOWN}/"
_OPEN_MODEL = re.compile(r"(?!google/|gemini/|bge/)[a-z0-9-]+/|.*-maas$")


class VertexProvider(Provider):
    """Vertex AI (https://cloud.google.com/vertex-ai/generative-ai/docs)."""

    name: ClassVar[str] = "vertex_ai"
    takes_metadata: ClassVar[bool] = True  # for Claude's `metadata.user_id`
    native_dialects: ClassVar[frozenset[str]] = frozenset({"gemini", "messages"})
    counts_chat: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities] = operations.CAPABILITIES.having(operations=("rerank",))
    api_base_env: ClassVar[tuple[str, ...]] = ("VERTEXAI_API_BASE", "VERTEX_API_BASE")
    forward_headers: ClassVar[frozenset[str]] = frozenset({HEADER})
    pass_through_headers: ClassVar[tuple[str, ...]] = ("x-goog-api-client", "x-goog-fieldmask", HEADER)
    error_dialect: ClassVar[str] = "gemini"

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        own = settings if isinstance(settings, VertexSettings) else VertexSettings(**dict(settings))
        # A key alone is Vertex AI's express mode; with a credential beside it, it is somebody else's key.
        self.api_key = None if own.credentials else own.api_key
        self._credential: Credential | None = None if self.api_key else credential_of(own)
        project = own.project or (self._credential.project if self._credential is not None else None)
        base = own.api_base or own.env(*self.api_base_env)
        self._place = Place(own.location or default_location(own.model), project, base, keyed=self.api_key is not None)
        self.api_base = self._place.root
        self._tokens = TokenCache()
        self._extra = {name.lower(): value for name, value in own.extra_headers.items()}
        self._google = Google(self._place, modify=own.modify_params, endpoints=own.use_psc_endpoint_format)
        self._claude = claude.Claude(self._place, own.cache_control_injection_points, modify=own.modify_params)
        self._partners = partners.Partners(self._place, own)
        self._predicted = predicted.Predicted(self._place, own)
        self._ranking = Ranking(self._place)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return self._publisher(model, operation).supported_params(model, operation)

    def features(self, model: str) -> frozenset[Feature]:
        publisher = self._publisher(model, "chat")
        if publisher is self._claude:
            return self.capabilities.features & claude.FEATURES
        if publisher in (self._partners, self._predicted):
            return self.capabilities.features & partners.FEATURES
        return operations.features(bare_name(model))

    def speaks(self, dialect: str, model: str) -> bool:
        publisher = self._publisher(model, "chat")
        return publisher is {"gemini": self._google, "messages": self._claude}.get(dialect)

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        if self._place.project is None and self._credential is not None:
            self._place.project = await self._credential.find_project(network)
        await self._publisher(request.model, request.operation).prepare(request, network)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation not in self.capabilities.operations:
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        return self._with_fields(self._publisher(request.model, request.operation).build(request))

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        publisher = self._google if dialect == "gemini" else self._claude
        return self._with_fields(publisher.build_native(request))

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        if dialect == "gemini":
            return self._with_fields(self._google.build_count(request))
        if self._publisher(request.model, "chat") is not self._claude:
            return None
        return self._with_fields(self._claude.build_count(dialect, request))

    def parse_count(self, answer: Body) -> int:
        return int(answer["totalTokens"]) if "totalTokens" in answer else super().parse_count(answer)

    def _with_fields(self, built: UpstreamRequest) -> UpstreamRequest:
        """The request with the header fields of the deployment."""
        fields = {**dict(built.headers), **self._extra}
        if betas := join_betas(self._extra.get(HEADER), dict(built.headers).get(HEADER)):
            fields[HEADER] = betas
        if self.api_key:
            fields.setdefault("x-goog-api-key", self.api_key)
        elif self._credential is not None and self._credential.quota_project:
            fields.setdefault("x-goog-user-project", self._credential.quota_project)
        built.headers = list(fields.items())
        return built

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        """Put the token on, unless the config brings its own."""
        credential = self._credential
        if _UNKNOWN in request.url:  # only pass-through is built before the project is known
            if self._place.project is None and credential is not None:
                self._place.project = await credential.find_project(network)
            project = quote(self._place.needed_project(), safe="")
            request.url = request.url.replace(_UNKNOWN, f"/projects/{project}/", 1)
        if credential is not None and "authorization" not in self._extra:
            token = await self._tokens.get(lambda: credential.token(network))
            request.headers = [*request.headers, ("authorization", f"Bearer {token}")]
        return request

    def follows(self, request: ModelRequest) -> bool:
        """Embeddings of several texts by a model that takes one at a time."""
        given = request.body.get("input")
        return (
            request.operation == "embeddings"
            and isinstance(given, list)
            and len(given) > 1
            and embeddings.takes_one(bare_name(request.model))
        )

    async def follow(
        self, request: ModelRequest, reply: UpstreamReply, network: Network
    ) -> UpstreamReply | UpstreamRequest:
        """Ask for the texts that the first request had no room for."""
        if not self.follows(request):
            return reply
        turn = asyncio.Semaphore(AT_ONCE)

        async def embed(text: str) -> UpstreamReply:
            async with turn:
                one = ModelRequest("embeddings", request.model, {**request.body, "input": text})
                return await network.fetch(await self.authorize(self.build_request(one), network))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(embed(text)) for text in request.body["input"][1:]]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        replies = [reply, *(task.result() for task in tasks)]
        failed = next((each for each in replies if each.status != 200), None)
        if failed is not None:
            return failed
        merged = embeddings.merge([orjson.loads(each.body) for each in replies])
        return UpstreamReply(200, reply.headers, orjson.dumps(merged))

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        return self._publisher(request.model, request.operation).parse(request, reply)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return self._publisher(request.model, request.operation).decoder(request)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        """Errors are Google's, but for those that a publisher's own server has let through."""
        try:
            value = orjson.loads(body)
        except ValueError:
            value = None
        if as_object(value).get("type") == "error":
            return parse_anthropic_error(status, headers, body, self.name)
        error = error_in(value)
        if value is None or (error is not None and "status" in error):
            return parse_error(status, headers, body, self.name)
        return parse_openai_error(status, headers, body, self.name)

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        fields = dict(self._extra)
        asked = [value for name, value in request.headers if name == HEADER]
        if betas := join_betas(self._extra.get(HEADER), *asked):
            fields[HEADER] = betas
        if self.api_key:
            fields.setdefault("x-goog-api-key", self.api_key)
        elif self._credential is not None and self._credential.quota_project:
            fields.setdefault("x-goog-user-project", self._credential.quota_project)
        return request.to(self._place.pass_through_url(request.path), fields.items())

    def pass_through_models(self, request: PassThrough) -> Named:
        """Models as rows name them: those of others than Google and Anthropic with their publisher in front."""
        inside = [name.rpartition("/models/")[2].removeprefix("google/") for name in models_in(request.json)]
        if found := _CALL.search(request.path):
            publisher, model = unquote(found[1]), unquote(found[2])
            named = model if publisher in ("google", "anthropic") else f"{publisher}/{model}"
            return Named(tuple(dict.fromkeys([named, *inside])), request.method == "POST")
        only = request.method == "POST" and _OPENAI_CALL.search(request.path) is not None
        return Named(tuple(dict.fromkeys(inside)), only)

    def pass_through_id(self, model: str) -> str:
        publisher = partners.publisher_of(model)
        return bare_name(model) if publisher is None else f"{publisher}/{model}"

    def _publisher(self, model: str, operation: Operation) -> Publisher:
        """Who speaks for a model, going by its name."""
        if operation == "rerank":
            return self._ranking
        if model.startswith("claude"):
            return self._claude
        if model.startswith(predicted.PREFIX):
            return self._predicted
        if partners.publisher_of(model) is not None or _OPEN_MODEL.match(model):
            return self._partners
        return self._google


class VertexBetaProvider(VertexProvider):
    """The same under LiteLLM's older name for it."""

    name: ClassVar[str] = "vertex_ai_beta"
    route_name: ClassVar[str] = "vertex_ai"
