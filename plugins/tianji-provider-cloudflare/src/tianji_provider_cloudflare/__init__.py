"""The provider `cloudflare`: Workers AI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_provider_cloudflare.provider import Cloudflare, CloudflareSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Cloudflare", "CloudflareSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("cloudflare", Cloudflare, CloudflareSettings)
