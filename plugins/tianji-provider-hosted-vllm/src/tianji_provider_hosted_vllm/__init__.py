"""The provider `hosted_vllm`: a vLLM server (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.translate.urls import below

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


AT_THE_ROOT = frozenset(
    {"classify", "detokenize", "health", "invocations", "ping", "pooling", "rerank", "score", "tokenize", "version"}
)
"""vLLM's own paths, that stand beside `/v1` and are fit for callers: what steers a server stands there too."""


class HostedVLLM(OpenAICompatible):
    """vLLM: OpenAI's API at the operator's own address, often without a key; reasoning under two names."""

    name = "hosted_vllm"
    route_name = "vllm"
    key_required = False
    api_key_env = ("HOSTED_VLLM_API_KEY",)
    api_base_env = ("HOSTED_VLLM_API_BASE",)
    unsupported_params = frozenset({"max_chunks_per_doc", "rank_fields", "suffix"})
    reasoning_name = "reasoning"
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having(
        "audio", "prompt_caching", operations=("completions", "rerank", "transcriptions", "translations")
    )

    def pass_through_url(self, path: str) -> str:
        if path[1:] in AT_THE_ROOT:
            return below(self.api_base.removesuffix("/v1"), path)
        return super().pass_through_url(path)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    for name in ("hosted_vllm", "vllm"):
        register(name, HostedVLLM, ProviderSettings)
