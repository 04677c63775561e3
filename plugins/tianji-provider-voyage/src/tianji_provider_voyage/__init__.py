"""The provider `voyage`: embeddings and reranking (https://docs.voyageai.com/reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.provider import Body, Capabilities, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.translate.rerank import document_text
from tianji_provider_voyage.embeddings import adjust_embeddings, flatten, path_of

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

ATLAS = "https://ai.mongodb.com/v1"
"""Where keys made in MongoDB Atlas are good."""


class Voyage(OpenAICompatible):
    """Voyage: other names of parameters; multimodal and contextualized models at addresses of their own."""

    name = "voyage"
    default_base = "https://api.voyageai.com/v1"
    api_key_env = ("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN")
    renamed_params: ClassVar = {"dimensions": "output_dimension", "top_n": "top_k"}
    unsupported_params = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields", "user"})
    capabilities = Capabilities.of("embeddings", "rerank")

    def __init__(self, settings: ProviderSettings) -> None:
        key = settings.api_key or settings.env(*self.api_key_env) or ""
        if key.startswith("al-") and not settings.api_base:
            settings = settings.model_copy(update={"api_base": ATLAS})
        super().__init__(settings)

    def url(self, operation: Operation) -> str:
        if operation == "rerank" and not self.api_base.endswith(("/v1", "/rerank")):
            return f"{self.api_base}/v1/rerank"
        return super().url(operation)

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "embeddings":
            adjust_embeddings(request.model, request.body)
        else:
            request.body["documents"] = [document_text(each) for each in request.body["documents"]]

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        built = super().build_request(request)
        if request.operation == "embeddings":
            built.url = built.url.removesuffix("/embeddings") + path_of(request.model)
        return built

    def patch_response(self, body: Body) -> None:
        flatten(body)
        usage = body.get("usage")
        if isinstance(usage, dict) and "total_tokens" in usage:  # all that is counted is read
            usage.setdefault("prompt_tokens", usage["total_tokens"])


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("voyage", Voyage, ProviderSettings)
