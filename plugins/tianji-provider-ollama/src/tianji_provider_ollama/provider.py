"""The providers: addresses, credentials, and which endpoint a call goes to."""

from __future__ import annotations

from typing import ClassVar

import orjson

from tianji_core.api.errors import BadGatewayError, GatewayError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Meter, PassThrough
from tianji_core.api.provider import (
    Body,
    Capabilities,
    ModelRequest,
    Operation,
    Provider,
    ProviderSettings,
    StreamDecoder,
)
from tianji_core.openai_compat.errors import classify, parse_error
from tianji_core.translate.completions import chat_chunk_to_completion, chat_to_completion
from tianji_core.translate.embeddings import embeddings_answer
from tianji_core.translate.media import inline_media, needs_download
from tianji_core.translate.meters import meter_for
from tianji_provider_ollama.counts import OllamaCounts
from tianji_provider_ollama.messages import has_tools
from tianji_provider_ollama.request import (
    CHAT_PARAMS,
    COMPLETIONS_PARAMS,
    EMBEDDINGS_PARAMS,
    chat_body,
    completion_body,
    embed_body,
    prompt_body,
)
from tianji_provider_ollama.response import parse_answer
from tianji_provider_ollama.stream import OllamaStreamDecoder

DEFAULT_BASE = "http://localhost:11434"
_PATHS = ("/api/generate", "/api/chat", "/api/embed", "/api", "/v1")
"""What an `api_base` may end with: the address of an endpoint, or of the OpenAI-shaped surface beside it."""
_PARAMS: dict[Operation, frozenset[str]] = {
    "chat": CHAT_PARAMS,
    "completions": COMPLETIONS_PARAMS,
    "embeddings": EMBEDDINGS_PARAMS,
}
_CONTEXT_TEXTS = ("exceeds the context length", "exceeds maximum context length", "exceeded max context length")


class Ollama(Provider):
    """Messages as one prompt to `/api/generate`; with tools they go to `/api/chat`, for a prompt cannot tell of them.

    Completions and embeddings have their own endpoints.
    """

    name: ClassVar[str] = "ollama"
    api_key_env: ClassVar[tuple[str, ...]] = ("OLLAMA_API_KEY",)
    api_base_env: ClassVar[tuple[str, ...]] = ("OLLAMA_API_BASE",)
    capabilities: ClassVar[Capabilities] = Capabilities.of(
        "chat",
        "completions",
        "embeddings",
        features=("streaming", "tools", "json_object", "json_schema", "images", "reasoning", "logprobs", "seed"),
    )

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        self.api_base = host_of(settings.api_base or settings.env(*self.api_base_env) or DEFAULT_BASE)
        self.api_key = settings.api_key or settings.env(*self.api_key_env)
        fields = {"content-type": "application/json"}
        if self.api_key:
            fields["authorization"] = f"Bearer {self.api_key}"
        fields.update({name.lower(): value for name, value in settings.extra_headers.items()})
        self._headers = list(fields.items())

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return _PARAMS.get(operation, frozenset())

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        """Put images in as data: Ollama fetches none."""
        messages = request.body.get("messages")
        if isinstance(messages, list) and needs_download(messages, is_web_address):
            request.body["messages"] = await inline_media(messages, network, is_web_address)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation not in self.capabilities.operations:
            raise UnsupportedCapabilityError(f"Provider {self.name!r} has no {request.operation}.", provider=self.name)
        if request.operation == "embeddings":
            path, body = "/api/embed", embed_body(request.body)
        elif request.operation == "completions":
            path, body = "/api/generate", completion_body(request.body, stream=request.stream)
        elif self.prompts(request.body):
            path, body = "/api/generate", prompt_body(request.body, stream=request.stream)
        else:
            path, body = "/api/chat", chat_body(request.body, stream=request.stream, drop=request.drop_params)
        return UpstreamRequest("POST", self.api_base + path, self._headers.copy(), orjson.dumps(body))

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        fields = [field for field in self._headers if field[0] != "content-type"]
        return request.to(self.api_base + request.path, fields)

    def pass_through_meter(self, request: PassThrough, headers: Headers) -> Meter | None:
        return meter_for(headers.get("content-type"), OllamaCounts())

    def prompts(self, body: Body) -> bool:
        """Whether a chat goes out as one prompt."""
        return not has_tools(body)

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        try:
            body = orjson.loads(reply.body)
        except ValueError:
            raise BadGatewayError("The provider's answer is not JSON.", provider=self.name) from None
        if isinstance(body, dict) and body.get("error"):
            raise self.parse_error(500, reply.headers, reply.body)
        if request.operation == "embeddings":
            return self._embeddings(request, body)
        answer = parse_answer(body, request.model)
        return chat_to_completion(answer) if request.operation == "completions" else answer

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        decoder = OllamaStreamDecoder(request.model, self.parse_error)
        return CompletionsDecoder(decoder) if request.operation == "completions" else decoder

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        error = parse_error(status, headers, body, self.name)
        if any(text in error.message.lower() for text in _CONTEXT_TEXTS):
            return classify(400, error.message, code="context_length_exceeded", provider=self.name, headers=headers)
        return error

    def _embeddings(self, request: ModelRequest, body: object) -> Body:
        found = body if isinstance(body, dict) else {}
        count = found.get("prompt_eval_count")
        return embeddings_answer(
            found.get("embeddings"),
            str(found.get("model") or request.model),
            encoding_format=request.body.get("encoding_format"),
            prompt_tokens=count if type(count) is int else None,
        )


class OllamaChat(Ollama):
    """Messages to `/api/chat`, where the model's own template is applied to them."""

    name: ClassVar[str] = "ollama_chat"
    route_name: ClassVar[str] = "ollama"
    capabilities: ClassVar[Capabilities] = Ollama.capabilities.lacking(operations=("completions",))

    def prompts(self, body: Body) -> bool:
        return False


class CompletionsDecoder(StreamDecoder):
    """A chat's chunks as those of completions."""

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder

    def feed(self, data: bytes) -> list[Body]:
        return self._reshaped(self._decoder.feed(data))

    def finish(self) -> list[Body]:
        return self._reshaped(self._decoder.finish())

    def _reshaped(self, chunks: list[Body]) -> list[Body]:
        self.error, self.complete = self._decoder.error, self._decoder.complete
        return [chat_chunk_to_completion(chunk) for chunk in chunks]


def host_of(base: str) -> str:
    """The server's address, of a base that may also be one of its endpoints."""
    base = base.rstrip("/")
    return next((base.removesuffix(path) for path in _PATHS if base.endswith(path)), base).rstrip("/")


def is_web_address(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))
