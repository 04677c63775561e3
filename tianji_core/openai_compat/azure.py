"""What Azure's hosts of models share: a key in `api-key`, or a token of Entra."""

from __future__ import annotations

from functools import cached_property

from tianji_core.api.http import Network, UpstreamRequest
from tianji_core.openai_compat.provider import OpenAICompatible
from tianji_core.translate.entra import Entra, EntraSettings, entra


class AzureHosted(OpenAICompatible):
    """The base of providers in Azure.

    What the row says of its credential wins over the environment, and a key over a token.
    """

    @cached_property
    def entra(self) -> Entra | None:
        """Where the token comes from; None with a key, or without any credential."""
        settings = self.settings
        return entra(settings) if not self.api_key and isinstance(settings, EntraSettings) else None

    def own_key(self) -> str | None:
        settings = self.settings
        if isinstance(settings, EntraSettings) and settings.names_entra():
            return settings.api_key
        return super().own_key()

    def credential_fields(self) -> list[tuple[str, str]]:
        if self.api_key:
            return [("api-key", self.api_key)]
        token = self.entra.static if self.entra is not None else None
        return [("authorization", f"Bearer {token}")] if token else []

    def has_credential(self) -> bool:
        return bool(self.api_key or self.entra)

    async def authorize(self, request: UpstreamRequest, network: Network) -> UpstreamRequest:
        return request if self.entra is None else await self.entra.authorize(request, network)
