"""What `litellm_params` and the environment say to this provider."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tianji_core.api.provider import ProviderSettings
from tianji_core.translate.anthropic.caching import InjectionPoint

PROJECT_ENV = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
LOCATION_ENV = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
CREDENTIALS_ENV = ("VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS")


class VertexSettings(ProviderSettings):
    """The keys of `litellm_params` that Vertex AI knows beside the usual."""

    vertex_project: str | None = Field(
        None, description="Google Cloud project; else VERTEXAI_PROJECT, or the credential's own"
    )
    vertex_location: str | None = Field(
        None, description="Region, or global; else VERTEXAI_LOCATION, VERTEX_LOCATION, us-central1"
    )
    vertex_credentials: str | dict[str, Any] | None = Field(
        None,
        repr=False,
        description="Google credential as JSON or the path of its file; else VERTEXAI_CREDENTIALS, or the default one",
    )
    cache_control_injection_points: tuple[InjectionPoint, ...] = Field(
        (), description="Claude: where to put cache markers into every request of this deployment"
    )
