"""The provider `huggingface`: the router of Inference Providers, and endpoints of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_provider_huggingface.provider import HuggingFace

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["HuggingFace"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("huggingface", HuggingFace, ProviderSettings)
