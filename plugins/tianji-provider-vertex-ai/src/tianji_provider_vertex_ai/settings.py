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
    vertex_ai_project: str | None = Field(None, description="The same as vertex_project")
    vertex_ai_location: str | None = Field(None, description="The same as vertex_location")
    vertex_ai_credentials: str | dict[str, Any] | None = Field(
        None, repr=False, description="The same as vertex_credentials"
    )
    use_psc_endpoint_format: bool = Field(
        False, description="The model's name is an endpoint of the project, although it is no number"
    )
    cache_control_injection_points: tuple[InjectionPoint, ...] = Field(
        (), description="Claude: where to put cache markers into every request of this deployment"
    )

    @property
    def project(self) -> str | None:
        """The project that the row or the environment names."""
        return self.vertex_project or self.vertex_ai_project or self.env(*PROJECT_ENV)

    @property
    def location(self) -> str | None:
        """The location that the row or the environment names."""
        return self.vertex_location or self.vertex_ai_location or self.env(*LOCATION_ENV)

    @property
    def credentials(self) -> str | dict[str, Any] | None:
        """The credential of the row."""
        return self.vertex_credentials or self.vertex_ai_credentials
