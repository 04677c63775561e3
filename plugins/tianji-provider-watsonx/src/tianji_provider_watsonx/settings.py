"""What a deployment at watsonx.ai may say beside the key."""

from __future__ import annotations

from pydantic import Field

from tianji_core.api.provider import ProviderSettings

VERSION = "2024-03-13"
"""The version of the API that this package was written for; the same as LiteLLM's."""
IAM = "https://iam.cloud.ibm.com/identity/token"


class WatsonxSettings(ProviderSettings):
    """The keys of `litellm_params` that watsonx.ai knows; an unset one is looked up in the environment."""

    project_id: str | None = Field(None, description="Project that is billed; else WATSONX_PROJECT_ID, WX_PROJECT_ID")
    space_id: str | None = Field(
        None, description="Deployment space; else WATSONX_DEPLOYMENT_SPACE_ID, WATSONX_SPACE_ID, WX_SPACE_ID"
    )
    token: str | None = Field(None, repr=False, description="An access token, in place of a key; else WATSONX_TOKEN")
    zen_api_key: str | None = Field(
        None, repr=False, description="A key of Cloud Pak for Data, sent as ZenApiKey; else WATSONX_ZENAPIKEY"
    )
    iam_url: str | None = Field(None, description="Where keys are changed for tokens; else WATSONX_IAM_URL")
    api_version: str | None = Field(None, description=f"Version of the API, a date; {VERSION} if unset")


def project_or_space(settings: ProviderSettings) -> dict[str, str]:
    """What tells in a body who is billed: what the row sets, else a project or a space of the environment."""
    project, space = getattr(settings, "project_id", None), getattr(settings, "space_id", None)
    if not project and not space:
        project = settings.env("WATSONX_PROJECT_ID", "WX_PROJECT_ID")
        space = settings.env("WATSONX_DEPLOYMENT_SPACE_ID", "WATSONX_SPACE_ID", "WX_SPACE_ID")
    if project:
        return {"project_id": project}
    return {"space_id": space} if space else {}
