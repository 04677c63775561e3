"""The provider `watsonx`: IBM watsonx.ai."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_provider_watsonx.provider import Watsonx
from tianji_provider_watsonx.settings import WatsonxSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Watsonx", "WatsonxSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("watsonx", Watsonx, WatsonxSettings)
