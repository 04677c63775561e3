"""The provider `jina_ai`: embeddings and reranking (https://api.jina.ai/redoc)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Capabilities, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class JinaAI(OpenAICompatible):
    """Jina: OpenAI's embeddings with other names and with pictures, Cohere's reranking."""

    name = "jina_ai"
    default_base = "https://api.jina.ai/v1"
    api_key_env = ("JINA_AI_API_KEY", "JINA_API_KEY", "JINA_AI_TOKEN")
    api_base_env = ("JINA_AI_API_BASE",)
    renamed_params: ClassVar = {"encoding_format": "embedding_type"}
    unsupported_params = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields", "user"})
    capabilities = Capabilities.of("embeddings", "rerank")

    def url(self, operation: Operation) -> str:
        if operation == "rerank" and not self.api_base.endswith(("/v1", "/rerank")):
            return f"{self.api_base}/v1/rerank"
        return super().url(operation)

    def adjust_body(self, request: ModelRequest) -> None:
        given = request.body.get("input")
        if isinstance(given, list):
            request.body["input"] = [_with_picture(item) for item in given]


def _with_picture(item: Any) -> Any:
    """A picture given as a data URI, as other vendors take it, in Jina's own form: an object with its base64."""
    if isinstance(item, str) and item.startswith("data:image/") and ";base64," in item[:64]:
        return {"image": item.partition(",")[2]}
    return item


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("jina_ai", JinaAI, ProviderSettings)
