"""Models of many makers behind one resource (https://learn.microsoft.com/en-us/azure/ai-foundry/foundry-models/)."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.http import Headers, Network, UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import PassThrough
from tianji_core.api.provider import Binary, Body, Capabilities, Feature, ModelRequest, Operation, StreamDecoder
from tianji_core.openai_compat import OpenAIModels
from tianji_core.openai_compat.azure import AzureHosted
from tianji_core.openai_compat.messages import plain_content
from tianji_core.openai_compat.openai_models import Family, family_of
from tianji_core.openai_compat.provider import PATHS
from tianji_core.translate.anthropic.betas import HEADER
from tianji_core.translate.anthropic.errors import parse_error as parse_claude_error
from tianji_core.translate.anthropic.hosts import ANTHROPIC
from tianji_core.translate.anthropic.models import supported_params as claude_params
from tianji_core.translate.anthropic.native import inlined
from tianji_core.translate.entra import EntraSettings
from tianji_core.translate.rerank import document_text, rerank_answer
from tianji_core.translate.urls import below
from tianji_core.wire.openai import PARAMS
from tianji_provider_azure_ai import claude
from tianji_provider_azure_ai.address import DEFAULT_VERSION, Address, address_of

OPENAI_NAMES = ("gpt-3", "gpt-4", "gpt-5", "gpt-6", "chatgpt", "o1", "o3", "o4", "model-router")
OPEN = Family("", lacks=frozenset())
"""Models of other makers: what they take is theirs to say."""
KNOWN = frozenset({"documents", "input", "input_type", "messages", "model", "query", "stream"})
"""Members that the inference API has beside the parameters; any other is passed on only if it is asked to."""


class AzureAISettings(EntraSettings):
    """The keys of `litellm_params` that this provider knows."""

    api_version: str | None = Field(None, description="API version of the model inference API")
    base_model: str | None = Field(None, description="The model behind the deployment, whose parameters hold")


class AzureAI(AzureHosted, OpenAIModels):
    """The model inference API, Cohere's rerank, and Claude by Anthropic's API."""

    name = "azure_ai"
    api_key_env = ("AZURE_AI_API_KEY",)
    api_base_env = ("AZURE_AI_API_BASE",)
    forward_headers = frozenset({HEADER})
    pass_through_headers = ("openai-beta", "extra-parameters", "x-ms-client-request-id", HEADER, "anthropic-version")
    native_dialects = frozenset({"messages"})
    counts_chat = True
    capabilities: ClassVar[Capabilities] = OpenAIModels.capabilities.having(
        "audio", "files", "prompt_caching", operations=("rerank",)
    )

    @cached_property
    def address(self) -> Address:
        settings = self.settings
        return address_of(self.api_base, settings.api_version if isinstance(settings, AzureAISettings) else None)

    def url(self, operation: Operation) -> str:
        return self.address.rerank if operation == "rerank" else self.address.url(PATHS[operation])

    def credential_fields(self) -> list[tuple[str, str]]:
        if self.api_key and not self.address.wants_key_field:
            return [("authorization", f"Bearer {self.api_key}")]
        return super().credential_fields()

    def known_as(self, model: str) -> str:
        """The model's own name, where the deployment's hides it."""
        settings = self.settings
        return (settings.base_model if isinstance(settings, AzureAISettings) else None) or model

    def is_claude(self, model: str) -> bool:
        return "claude" in self.known_as(model).lower()

    def family(self, model: str) -> Family:
        name = self.known_as(model)
        return family_of(name) if name.rpartition("/")[2].lower().startswith(OPENAI_NAMES) else OPEN

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        if operation == "chat" and self.is_claude(model):
            return claude_params(self.known_as(model))
        return super().supported_params(model, operation)

    def features(self, model: str) -> frozenset[Feature]:
        if self.is_claude(model):
            return self.capabilities.features - {"audio", "logprobs", "n", "seed"}
        return self.capabilities.features

    def speaks(self, dialect: str, model: str) -> bool:
        return dialect in self.native_dialects and self.is_claude(model)

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        if request.operation == "chat" and self.is_claude(request.model):
            request.body["messages"] = await inlined(request, ANTHROPIC, network)

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation == "chat" and self.is_claude(request.model) and self.has_credential():
            name, modify = self.known_as(request.model), self.settings.modify_params
            return claude.build_request(request, self.address.messages, self._claude_headers(), name, modify=modify)
        pictures = request.operation == "embeddings" and _pictures(request.body)
        built = super().build_request(request)
        if pictures:
            built.url = self.address.url("/images/embeddings")
        if request.body.keys() - PARAMS[request.operation] - KNOWN:
            built.headers = [*built.headers, ("extra-parameters", "pass-through")]
        return built

    def build_native(self, dialect: str, request: ModelRequest) -> UpstreamRequest:
        self.check_credential()
        return claude.build_native(request, self.address.messages, self._claude_headers())

    def build_count(self, dialect: str, request: ModelRequest) -> UpstreamRequest | None:
        if not self.is_claude(request.model) or not self.has_credential():
            return None
        name, modify = self.known_as(request.model), self.settings.modify_params
        url, headers = self.address.messages, self._claude_headers()
        return claude.build_count(dialect, request, url, headers, name, modify=modify)

    def _claude_headers(self) -> list[tuple[str, str]]:
        return [("x-api-key" if name == "api-key" else name, value) for name, value in self._headers]

    def adjust_body(self, request: ModelRequest) -> None:
        super().adjust_body(request)
        body = request.body
        if request.operation == "chat":
            body["messages"] = plain_content(body["messages"])
        elif request.operation == "rerank":
            body["documents"] = [document_text(document) for document in body["documents"]]
        elif _pictures(body):
            body["input"] = [{"image": item} for item in _items(body)]

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation == "chat" and self.is_claude(request.model):
            return claude.parse_response(request, reply, self.name)
        answer = super().parse_response(request, reply)
        if request.operation == "rerank" and request.body.get("return_documents"):
            return rerank_answer(answer, request.body["documents"])
        return answer

    def relays_stream(self, request: ModelRequest) -> bool:
        return not self.is_claude(request.model)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        if self.is_claude(request.model):
            return claude.stream_decoder(request, self.name)
        return super().stream_decoder(request)

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        if claude.is_error(body):
            return parse_claude_error(status, headers, body, self.name)
        return super().parse_error(status, headers, body)

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self.check_credential()
        address, fields = self.address, self.pass_through_fields()
        url = below(address.resource, request.path)
        if request.path.startswith("/models/") and "api-version=" not in request.query:
            url += address.query or f"?api-version={DEFAULT_VERSION}"
        if request.path.startswith("/anthropic/"):
            fields = [("x-api-key" if name == "api-key" else name, value) for name, value in fields]
        return request.to(url, fields)


def _items(body: Body) -> list[Any]:
    given = body.get("input")
    return given if isinstance(given, list) else [given]


def _pictures(body: Body) -> bool:
    """Whether pictures are to be embedded, which has an address of its own. Raises BadRequestError for a mixture."""
    found = [isinstance(item, str) and item[:11].lower() == "data:image/" for item in _items(body)]
    if any(found) and not all(found):
        raise BadRequestError("Texts and pictures cannot be embedded by one call here.", param="input")
    return bool(found) and all(found)
