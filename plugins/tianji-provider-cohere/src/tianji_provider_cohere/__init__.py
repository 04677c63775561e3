"""The providers `cohere` and `cohere_chat`, two names of one API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_provider_cohere.provider import Cohere, CohereChat

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Cohere", "CohereChat"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("cohere", Cohere, ProviderSettings)
    register("cohere_chat", CohereChat, ProviderSettings)
