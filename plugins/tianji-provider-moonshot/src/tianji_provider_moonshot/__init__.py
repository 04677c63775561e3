"""The provider `moonshot`: Moonshot AI's Kimi (https://platform.moonshot.ai/docs/api/chat)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.http import Network
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.translate.media import inline_media, needs_download
from tianji_provider_moonshot.models import family_of
from tianji_provider_moonshot.request import adjust_request
from tianji_provider_moonshot.usage import find_usage

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class Moonshot(OpenAICompatible):
    """Moonshot: rules by model in `models`, no forced tools, cached tokens and usage of streams in other places."""

    name = "moonshot"
    default_base = "https://api.moonshot.ai/v1"
    api_key_env = ("MOONSHOT_API_KEY", "KIMI_API_KEY")
    api_base_env = ("MOONSHOT_API_BASE",)
    system_name = "system"
    patch_markers = (b'"usage"',)
    capabilities = OpenAICompatible.capabilities.lacking(
        "parallel_tools", "logprobs", "seed", operations=("embeddings",)
    )
    capabilities = capabilities.having("prompt_caching")

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = super().supported_params(model, operation)
        return supported if supported is None else supported - family_of(model).lacks

    async def prepare(self, request: ModelRequest, network: Network) -> None:
        messages = request.body.get("messages")
        if isinstance(messages, list) and needs_download(messages, _is_elsewhere):
            request.body["messages"] = await inline_media(messages, network, _is_elsewhere)

    def adjust_body(self, request: ModelRequest) -> None:
        adjust_request(request.body, family_of(request.model))

    def patch_response(self, body: Body) -> None:
        find_usage(body)

    def patch_chunk(self, chunk: Body) -> None:
        find_usage(chunk)


def _is_elsewhere(url: str) -> bool:
    """Pictures are taken as base64 or as an uploaded file (`ms://…`), not fetched."""
    return url.startswith(("http://", "https://"))


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("moonshot", Moonshot, ProviderSettings)
