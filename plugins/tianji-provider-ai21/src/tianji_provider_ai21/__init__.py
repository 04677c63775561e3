"""The providers `ai21` and `ai21_chat`, two names of AI21's Jamba API (https://docs.ai21.com/reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import Capabilities, Operation, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

PARAMS = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "n",
        "response_format",
        "stop",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    }
)
"""What the reference of Jamba's API has."""


class AI21(OpenAICompatible):
    """Jamba: JSON without a schema, texts only."""

    name = "ai21"
    default_base = "https://api.ai21.com/studio/v1"
    api_key_env = ("AI21_API_KEY",)
    api_base_env = ("AI21_API_BASE",)
    system_name = "system"
    text_as_string = True
    renamed_params = {"max_completion_tokens": "max_tokens"}  # noqa: RUF012 - as the base has it
    capabilities = Capabilities.of("chat", features=("streaming", "tools", "tool_choice", "json_object", "n"))

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        return PARAMS


class AI21Chat(AI21):
    """The same under LiteLLM's older name."""

    name = "ai21_chat"
    route_name = "ai21"


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("ai21", AI21, ProviderSettings)
    register("ai21_chat", AI21Chat, ProviderSettings)
