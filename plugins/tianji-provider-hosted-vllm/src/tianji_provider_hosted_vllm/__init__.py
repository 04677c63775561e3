"""The provider `hosted_vllm`: a vLLM server (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import Body, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.reasoning import rename_reasoning

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class HostedVLLM(OpenAICompatible):
    """vLLM: OpenAI's API at the operator's own address, often without a key; reasoning under two names."""

    name = "hosted_vllm"
    key_required = False
    api_key_env = ("HOSTED_VLLM_API_KEY",)
    api_base_env = ("HOSTED_VLLM_API_BASE",)
    unsupported_params = frozenset({"max_chunks_per_doc", "rank_fields", "suffix"})
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having(
        "audio", "prompt_caching", operations=("completions", "rerank", "transcriptions", "translations")
    )

    def patch_response(self, body: Body) -> None:
        rename_reasoning(body, "message")

    def patch_chunk(self, chunk: Body) -> None:
        rename_reasoning(chunk, "delta")


@hookimpl
def tianji_register_providers(register: Register) -> None:
    for name in ("hosted_vllm", "vllm"):
        register(name, HostedVLLM, ProviderSettings)
