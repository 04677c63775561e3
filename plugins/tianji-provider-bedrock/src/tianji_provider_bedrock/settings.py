"""What `litellm_params` say to the provider."""

from __future__ import annotations

from pydantic import Field

from tianji_core.api.provider import ProviderSettings
from tianji_core.translate.anthropic.caching import InjectionPoint


class BedrockSettings(ProviderSettings):
    """The keys of `litellm_params` that Bedrock knows, beside those of every provider; the names are LiteLLM's."""

    model_id: str | None = Field(
        None, description="ARN or id to call, where `model` only says which model is behind it (application profiles)"
    )
    aws_region_name: str | None = Field(
        None, description="Region; else that of the ARN, AWS_REGION_NAME, AWS_REGION, the profile, us-west-2"
    )
    aws_access_key_id: str | None = Field(None, repr=False, description="Access key; else AWS_ACCESS_KEY_ID")
    aws_secret_access_key: str | None = Field(None, repr=False, description="Its secret; else AWS_SECRET_ACCESS_KEY")
    aws_session_token: str | None = Field(None, repr=False, description="Session token of temporary credentials")
    aws_profile_name: str | None = Field(None, description="Profile in the AWS config files; else AWS_PROFILE")
    aws_role_name: str | None = Field(None, description="ARN of a role to assume")
    aws_session_name: str | None = Field(None, description="Name of the session of that role")
    aws_external_id: str | None = Field(None, repr=False, description="External id that the role asks for")
    aws_session_tags: list[dict[str, str]] = Field(
        default_factory=list, description="Tags of that session: a list of objects with Key and Value"
    )
    aws_web_identity_token: str | None = Field(
        None, repr=False, description="Web identity token for the role, the path of its file, or a variable's name"
    )
    aws_sts_endpoint: str | None = Field(None, description="Address of STS, where roles are assumed")
    aws_bedrock_runtime_endpoint: str | None = Field(
        None, description="Address of the Bedrock runtime; else AWS_BEDROCK_RUNTIME_ENDPOINT"
    )
    cache_control_injection_points: tuple[InjectionPoint, ...] = Field(
        (), description="Where to put cache markers into every request of this deployment"
    )

    def explicit_credentials(self) -> bool:
        """Whether the config says by itself who signs, so that no key of the environment may."""
        return any((self.aws_access_key_id, self.aws_profile_name, self.aws_role_name, self.aws_web_identity_token))
