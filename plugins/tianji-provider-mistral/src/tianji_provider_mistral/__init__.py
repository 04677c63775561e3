"""The providers `mistral`, `codestral` (chat with its own key) and `text-completion-codestral` (fill in the middle)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_provider_mistral.codestral import Codestral, CodestralText
from tianji_provider_mistral.provider import Mistral

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Codestral", "CodestralText", "Mistral"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("mistral", Mistral, ProviderSettings)
    register("codestral", Codestral, ProviderSettings)
    register("text-completion-codestral", CodestralText, ProviderSettings)
