"""The provider `perplexity`: OpenAI's API over a search engine (https://docs.perplexity.ai/api-reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Body, Capabilities, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import OPENAI_ONLY
from tianji_provider_perplexity.answers import annotate, decode_vectors, level_usage, take_message

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class Perplexity(OpenAICompatible):
    """Perplexity: no tools; sources of an answer become annotations, thinking is taken out of the text."""

    name = "perplexity"
    default_base = "https://api.perplexity.ai"
    api_key_env = ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")
    api_base_env = ("PERPLEXITY_API_BASE",)
    unsupported_params = (OPENAI_ONLY - {"web_search_options"}) | {
        "logit_bias",
        "logprobs",
        "n",
        "parallel_tool_calls",
        "seed",
        "stream_options",
        "tool_choice",
        "tools",
        "top_logprobs",
    }
    lacking: ClassVar = {"embeddings": frozenset({"encoding_format"})}
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    renamed_values: ClassVar = {"reasoning_effort": {"xhigh": "high", "max": "high"}}
    system_name = "system"
    paths: ClassVar = {"embeddings": "/v1/embeddings"}
    plain_models = r"^sonar(-pro)?$"
    think_models = r"reasoning|r1"
    reasoning_back = None
    patch_markers = (b'"citations"', b'"search_results"', b'"message"', b'"cost"')
    capabilities = Capabilities.of("chat", "embeddings", features=("streaming", "json_schema", "images", "reasoning"))

    def patch_response(self, body: Body) -> None:
        annotate(body)
        decode_vectors(body)
        level_usage(body.get("usage"))

    def patch_chunk(self, chunk: Body) -> None:
        take_message(chunk)
        level_usage(chunk.get("usage"))


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("perplexity", Perplexity, ProviderSettings)
