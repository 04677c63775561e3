"""The providers `azure` (OpenAI's models in Azure) and `azure_text` (its completions endpoint)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_provider_azure.provider import Azure, AzureSettings, AzureText

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Azure", "AzureSettings", "AzureText"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("azure", Azure, AzureSettings)
    register("azure_text", AzureText, AzureSettings)
