"""The provider `openrouter`: many vendors behind OpenAI's API (https://openrouter.ai/docs/api-reference/overview)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.errors import GatewayError
from tianji_core.api.http import Headers
from tianji_core.api.provider import Body, ModelRequest
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.messages import FOREIGN
from tianji_core.openai_compat.reasoning import rename_reasoning
from tianji_provider_openrouter.errors import parse_error
from tianji_provider_openrouter.messages import give_back_reasoning, show_reasoning
from tianji_provider_openrouter.settings import OpenRouterSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class OpenRouter(OpenAICompatible):
    """OpenRouter: state of reasoning that has to come back, errors of the vendors behind it."""

    name = "openrouter"
    pass_through_headers = ("http-referer", "x-title")
    default_base = "https://openrouter.ai/api/v1"
    api_key_env = ("OPENROUTER_API_KEY", "OR_API_KEY")
    api_base_env = ("OPENROUTER_API_BASE",)
    system_name = "system"
    foreign = FOREIGN - {"cache_control", "provider_specific_fields", "reasoning_details"}
    unsupported_params = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields"})
    patch_markers = (b'"reasoning"',)
    capabilities = OpenAICompatible.capabilities.having("audio", "files", "prompt_caching", operations=("rerank",))

    def headers(self) -> list[tuple[str, str]]:
        settings, fields = self.settings, super().headers()
        app = {
            "http-referer": getattr(settings, "site_url", None) or settings.env("OR_SITE_URL"),
            "x-title": getattr(settings, "app_name", None) or settings.env("OR_APP_NAME"),
        }
        given = {name for name, _ in fields}
        return [*fields, *((name, value) for name, value in app.items() if value and name not in given)]

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "chat":
            request.body["messages"] = give_back_reasoning(request.body["messages"])

    def patch_response(self, body: Body) -> None:
        rename_reasoning(body, "message")
        show_reasoning(body, self.parse_error)

    def patch_chunk(self, chunk: Body) -> None:
        rename_reasoning(chunk, "delta")

    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return parse_error(status, headers, body, self.name)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("openrouter", OpenRouter, OpenRouterSettings)
