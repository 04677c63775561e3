"""Cohere's API, version 2 (https://docs.cohere.com/reference/about)."""

from __future__ import annotations

import re

import orjson

from tianji_core.api.errors import AuthenticationError, BadGatewayError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Meter, Named, PassThrough, models_in
from tianji_core.api.provider import (
    Binary,
    Body,
    Capabilities,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.translate.meters import meter_for
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.urls import below
from tianji_core.wire.openai import PARAMS
from tianji_provider_cohere.counts import CohereCounts
from tianji_provider_cohere.embed import embed_answer, embed_body
from tianji_provider_cohere.errors import parse_error
from tianji_provider_cohere.request import chat_body, thinks
from tianji_provider_cohere.response import chat_answer
from tianji_provider_cohere.stream import CohereStreamDecoder

DEFAULT_BASE = "https://api.cohere.com"
PATHS: dict[Operation, str] = {"chat": "/v2/chat", "embeddings": "/v2/embed", "rerank": "/v2/rerank"}
_PATH = re.compile(r"/v[12](/(chat|embed|rerank))?$")
"""What people write behind the host, since LiteLLM takes the whole address of the one operation."""

_OF_V1 = frozenset({"max_chunks_per_doc", "rank_fields", "return_documents"})
"""Parameters of rerank that version 2 lacks; with one of them version 1 is asked, which answers in the same form."""

_NAMES_ITS_MODEL = re.compile(r"(/v[12])?/(chat|embed|rerank|generate|summarize|classify)")
"""Paths whose body names the one model that answers."""

CHAT_PARAMS = frozenset(
    """
    frequency_penalty logprobs max_completion_tokens max_tokens presence_penalty response_format seed stop temperature
    tool_choice tools top_p user
    """.split()  # noqa: SIM905 - easier on the eye than a dozen quoted words
)


class Cohere(Provider):
    """Chat, embeddings and rerank, each in Cohere's own shape."""

    name = "cohere"
    api_key_env = ("COHERE_API_KEY", "CO_API_KEY")
    api_base_env = ("COHERE_API_BASE",)
    pass_through_headers = ("x-client-name",)
    capabilities = Capabilities.of(
        "chat",
        "embeddings",
        "rerank",
        features=(
            "streaming",
            "tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "reasoning",
            "prompt_caching",
            "seed",
        ),
    )

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        base = settings.api_base or settings.env(*self.api_base_env) or DEFAULT_BASE
        self.api_base = _PATH.sub("", base.rstrip("/"))
        self.api_key = settings.api_key or settings.env(*self.api_key_env)
        fields = {"content-type": "application/json", "authorization": f"Bearer {self.api_key}"}
        fields |= {name.lower(): value for name, value in settings.extra_headers.items()}
        self._headers = list(fields.items())

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        if operation != "chat":
            return PARAMS[operation]
        return CHAT_PARAMS | {"reasoning_effort"} if thinks(model) else CHAT_PARAMS

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        path = PATHS.get(request.operation)
        if path is None:
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        self._check_key()
        body = request.body
        if request.operation == "chat":
            body = chat_body(request)
        elif request.operation == "embeddings":
            body = embed_body(body)
        elif _OF_V1.intersection(body):
            path = "/v1/rerank"
        else:
            body["documents"] = [document_text(document) for document in body["documents"]]
        headers = self._headers
        if request.stream:
            headers = [*headers, ("accept", "text/event-stream")]  # lines of JSON come without
        return UpstreamRequest("POST", self.api_base + path, headers, orjson.dumps(body))

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        try:
            answer = orjson.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise BadGatewayError("The provider's answer is not a JSON object.", provider=self.name)
        if request.operation == "chat":
            return chat_answer(answer, request.model)
        if request.operation == "embeddings":
            return embed_answer(answer, request.model)
        return rerank_answer(answer)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return CohereStreamDecoder(request.model, self.parse_error)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self._check_key()
        fields = [field for field in self._headers if field[0] != "content-type"]
        return request.to(below(f"{self.api_base}/v2", request.path), fields)

    def pass_through_models(self, request: PassThrough) -> Named:
        named = request.json is not None and isinstance(request.json.get("model"), str)
        only = request.method == "POST" and named and _NAMES_ITS_MODEL.fullmatch(request.path) is not None
        return Named(models_in(request.json), only)

    def pass_through_meter(self, request: PassThrough, headers: Headers) -> Meter | None:
        return meter_for(headers.get("content-type"), CohereCounts())

    def _check_key(self) -> None:
        if not self.api_key:
            names = " or ".join(self.api_key_env)
            raise AuthenticationError(
                f"No API key for provider {self.name!r}: set api_key or {names}.", provider=self.name
            )


class CohereChat(Cohere):
    """The same under the name that LiteLLM's configs have for chat."""

    name = "cohere_chat"
    route_name = "cohere"
