"""The provider `deepseek`: OpenAI's API with a thinking mode (https://api-docs.deepseek.com/api/create-chat-completion)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tianji_core import hookimpl
from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.openai_compat.params import OPENAI_ONLY
from tianji_core.openai_compat.usage import count_cached
from tianji_core.translate.urls import below

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

STARVED = "insufficient_system_resource"


class DeepSeek(OpenAICompatible):
    """DeepSeek: thinking is a switch, its text goes back beside tool calls, cached tokens have a name of their own."""

    name = "deepseek"
    default_base = "https://api.deepseek.com/beta"
    api_key_env = ("DEEPSEEK_API_KEY",)
    api_base_env = ("DEEPSEEK_API_BASE",)
    unsupported_params = OPENAI_ONLY | {"logit_bias", "n", "seed"}
    ignored_params = frozenset({"user"})
    renamed_params: ClassVar = {"max_completion_tokens": "max_tokens"}
    text_as_string = True
    patch_markers = (b'"prompt_cache_hit_tokens"', b'"insufficient_system_resource"')
    capabilities = OpenAICompatible.capabilities.lacking(
        "images", "json_schema", "n", "seed", operations=("embeddings",)
    ).having("prompt_caching")

    def system_role(self, model: str) -> str | None:
        return "system"

    def adjust_body(self, request: ModelRequest) -> None:
        body = request.body
        effort = body.get("reasoning_effort")
        if effort is not None:
            body.setdefault("thinking", {"type": "disabled" if effort == "none" else "enabled"})
            if effort == "none":
                del body["reasoning_effort"]
        if not body.get("tools"):  # then these two are an error
            body.pop("tool_choice", None)
            body.pop("parallel_tool_calls", None)
        if _thinks(request):
            body["messages"] = [_with_reasoning(message) for message in body["messages"]]

    def patch_response(self, body: Body) -> None:
        if _starved(body):
            raise ServiceUnavailableError("The provider ran out of resources while it answered.", code=STARVED)
        count_cached(body.get("usage"), "prompt_cache_hit_tokens")

    def patch_chunk(self, chunk: Body) -> None:
        if _starved(chunk):
            chunk["error"] = {"message": "The provider ran out of resources.", "type": STARVED, "code": "503"}
        count_cached(chunk.get("usage"), "prompt_cache_hit_tokens")

    def pass_through_url(self, path: str) -> str:
        """From the root, where Anthropic's format is too; `/beta` is a client's to ask for."""
        return below(self.api_base.removesuffix("/beta"), path)


def _thinks(request: ModelRequest) -> bool:
    """Whether the model thinks: it does unless it is told otherwise, but for the old name of the one that does not."""
    thinking = request.body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    return kind == "enabled" or (kind is None and request.model != "deepseek-chat")


def _with_reasoning(message: Any) -> Any:
    """While thinking, an assistant's message with tool calls has to have its reasoning, be it blank."""
    if isinstance(message, dict) and message.get("tool_calls") and not message.get("reasoning_content"):
        return {**message, "reasoning_content": " "}
    return message


def _starved(body: Body) -> bool:
    choices = body.get("choices") or ()
    return any(isinstance(choice, dict) and choice.get("finish_reason") == STARVED for choice in choices)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("deepseek", DeepSeek, ProviderSettings)
