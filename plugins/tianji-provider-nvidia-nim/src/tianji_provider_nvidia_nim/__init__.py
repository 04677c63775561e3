"""The provider `nvidia_nim`: NVIDIA's hosted models and NIM containers (https://docs.api.nvidia.com/nim/reference)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_provider_nvidia_nim.rerank import ranking_body, ranking_url, read_rankings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class NvidiaNIM(OpenAICompatible):
    """NIM: vLLM's chat behind OpenAI's API, and a reranking of its own at another host."""

    name = "nvidia_nim"
    default_base = "https://integrate.api.nvidia.com/v1"
    api_key_env = ("NVIDIA_NIM_API_KEY", "NVIDIA_API_KEY")
    api_base_env = ("NVIDIA_NIM_API_BASE",)
    system_name = "system"
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    unsupported_params = frozenset(
        {
            "audio",
            "function_call",
            "functions",
            "max_chunks_per_doc",
            "max_tokens_per_doc",
            "modalities",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_retention",
            "rank_fields",
            "safety_identifier",
            "service_tier",
            "store",
            "suffix",
            "verbosity",
            "web_search_options",
        }
    )
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having(operations=("completions", "rerank"))

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = super().supported_params(model, operation)
        # The hosted models refuse what they do not know, and only these know an effort.
        return supported if supported is None or "gpt-oss" in model else supported - {"reasoning_effort"}

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation != "rerank":
            return super().build_request(request)
        built = super().build_request(replace(request, body=ranking_body(request)))
        built.url = ranking_url(self.api_base, request.model)
        return built

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation == "rerank":
            return read_rankings(request, reply)
        return super().parse_response(request, reply)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("nvidia_nim", NvidiaNIM, ProviderSettings)
