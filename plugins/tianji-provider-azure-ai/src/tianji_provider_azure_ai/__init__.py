"""The provider `azure_ai`: models of many makers in Microsoft Foundry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_provider_azure_ai.provider import AzureAI, AzureAISettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["AzureAI", "AzureAISettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("azure_ai", AzureAI, AzureAISettings)
