"""What a deployment at OpenRouter may say beside the key."""

from __future__ import annotations

from pydantic import Field

from tianji_core.api.provider import ProviderSettings


class OpenRouterSettings(ProviderSettings):
    """The keys of `litellm_params` that OpenRouter knows."""

    site_url: str | None = Field(None, description="Your site, for OpenRouter's rankings; else OR_SITE_URL")
    app_name: str | None = Field(None, description="Your application's name there; else OR_APP_NAME")
