"""The provider `replicate`: predictions, for chat and for images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_core.api.provider import ProviderSettings
from tianji_provider_replicate.provider import Replicate

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Replicate"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("replicate", Replicate, ProviderSettings)
