"""The provider `deepseek`: OpenAI's API with a thinking mode (https://api-docs.deepseek.com/api/create-chat-completion)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tianji_core import hookimpl
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import OPENAI_ONLY
from tianji_core.translate.urls import below
from tianji_provider_deepseek.answers import mark_starved, refuse_starved
from tianji_provider_deepseek.request import say_whether_to_think

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class DeepSeek(OpenAICompatible):
    """DeepSeek: thinking is a switch, its text goes back beside tool calls, cached tokens have a name of their own."""

    name = "deepseek"
    default_base = "https://api.deepseek.com/beta"
    api_key_env = ("DEEPSEEK_API_KEY",)
    api_base_env = ("DEEPSEEK_API_BASE",)
    unsupported_params = OPENAI_ONLY | {"logit_bias", "n", "seed"}
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    system_name = "system"
    cached_name = "prompt_cache_hit_tokens"
    choice_needs_tools = text_as_string = True
    patch_markers = (b'"prompt_cache_hit_tokens"', b'"insufficient_system_resource"')
    capabilities = OpenAICompatible.capabilities.lacking(
        "images", "json_schema", "n", "seed", operations=("embeddings",)
    ).having("prompt_caching")

    def adjust_body(self, request: ModelRequest) -> None:
        say_whether_to_think(request.body, request.model)

    def patch_response(self, body: Body) -> None:
        refuse_starved(body)
        super().patch_response(body)

    def patch_chunk(self, chunk: Body) -> None:
        mark_starved(chunk)
        super().patch_chunk(chunk)

    def pass_through_url(self, path: str) -> str:
        """From the root, where Anthropic's format is too; `/beta` is a client's to ask for."""
        return below(self.api_base.removesuffix("/beta"), path)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("deepseek", DeepSeek, ProviderSettings)
