"""The providers `openai` (chat, embeddings) and `text-completion-openai` (the old completions endpoint)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tianji_core import hookimpl
from tianji_core.api.files import FilesAPI
from tianji_core.api.provider import Capabilities
from tianji_core.openai_compat.batches import OpenAIBatches
from tianji_core.openai_compat.by_responses import ByResponses, ByResponsesSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register


class OpenAISettings(ByResponsesSettings):
    """The keys of `litellm_params` that OpenAI's providers know."""

    project: str | None = Field(None, description="Project that the vendor bills")
    use_chat_completions_url_for_anthropic_messages: bool = Field(
        False, description="Serve clients of Messages through chat; see litellm_settings"
    )


class OpenAI(ByResponses):
    """OpenAI's own API. Clients of Messages are served through Responses, where reasoning survives their tool loops."""

    name = "openai"
    default_base = "https://api.openai.com/v1"
    api_key_env = ("OPENAI_API_KEY",)
    api_base_env = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
    resources = frozenset({"assistants", "conversations", "fine_tuning", "uploads", "vector_stores"})
    files_api = FilesAPI(least_life=3600)
    batch_api = OpenAIBatches()
    capabilities = ByResponses.capabilities.having(
        "audio",
        "files",
        "prompt_caching",
        operations=(
            "moderations",
            "images",
            "image_edits",
            "image_variations",
            "speech",
            "transcriptions",
            "translations",
            "realtime",
        ),
    )

    def dialects_by_responses(self) -> frozenset[str]:
        if getattr(self.settings, "use_chat_completions_url_for_anthropic_messages", False):
            return self.native_dialects
        return self.native_dialects | {"messages"}

    def headers(self) -> list[tuple[str, str]]:
        settings = self.settings
        billed = {
            "openai-organization": settings.organization or settings.env("OPENAI_ORGANIZATION", "OPENAI_ORG_ID"),
            "openai-project": getattr(settings, "project", None) or settings.env("OPENAI_PROJECT", "OPENAI_PROJECT_ID"),
        }
        fields = super().headers()
        given = {name for name, _ in fields}
        return [*fields, *((name, value) for name, value in billed.items() if value and name not in given)]


class OpenAIText(OpenAI):
    """OpenAI's completions endpoint, for the models that have nothing else."""

    name = "text-completion-openai"
    route_name = "openai"
    capabilities = Capabilities.of("completions", features=("streaming",))
    native_dialects = frozenset()


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("openai", OpenAI, OpenAISettings)
    register("text-completion-openai", OpenAIText, OpenAISettings)
