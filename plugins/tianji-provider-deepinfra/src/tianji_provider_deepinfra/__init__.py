"""The provider `deepinfra`: OpenAI's API, and a reranking of its own (https://docs.deepinfra.com)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Binary, Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_provider_deepinfra.rerank import inference_body, inference_url, read_scores

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class DeepInfra(OpenAICompatible):
    """DeepInfra: few choices among tools; scores of documents are at the address of each model."""

    name = "deepinfra"
    default_base = "https://api.deepinfra.com/v1/openai"
    api_key_env = ("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN", "DEEPINFRA_API_TOKEN")
    api_base_env = ("DEEPINFRA_API_BASE",)
    system_name = "system"
    unsupported_params = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields"})
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having(
        "prompt_caching", operations=("completions", "rerank", "images", "speech", "transcriptions", "translations")
    )

    def adjust_body(self, request: ModelRequest) -> None:
        # Only auto and none are taken, says the vendor's guide; what it takes by now it says best itself.
        if request.drop_params and request.body.get("tool_choice") not in (None, "auto", "none"):
            del request.body["tool_choice"]

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        if request.operation != "rerank":
            return super().build_request(request)
        built = super().build_request(replace(request, body=inference_body(request.body)))
        built.url = inference_url(self.api_base, request.model)
        return built

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        if request.operation == "rerank":
            return read_scores(request.body, reply)
        return super().parse_response(request, reply)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("deepinfra", DeepInfra, ProviderSettings)
