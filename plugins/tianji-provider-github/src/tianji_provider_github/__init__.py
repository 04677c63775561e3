"""The provider `github`: GitHub Models (https://docs.github.com/en/rest/models/inference)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tianji_core import hookimpl
from tianji_core.api.provider import Operation, ProviderSettings
from tianji_core.openai_compat import OpenAIModels
from tianji_core.openai_compat.provider import PATHS

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

HOST = "https://models.github.ai"
VERSION = "2022-11-28"


class GitHub(OpenAIModels):
    """Models of many makers, called `maker/model`; an organization that is named in the row is billed."""

    name = "github"
    default_base = f"{HOST}/inference"
    api_key_env = ("GITHUB_API_KEY", "GITHUB_TOKEN")
    api_base_env = ("GITHUB_API_BASE",)

    def url(self, operation: Operation) -> str:
        organization = self.settings.organization
        if organization and self.api_base == self.default_base:
            return f"{HOST}/orgs/{quote(organization, safe='')}/inference{PATHS[operation]}"
        return super().url(operation)

    def headers(self) -> list[tuple[str, str]]:
        fields = super().headers()
        version = ("x-github-api-version", VERSION)
        return fields if version[0] in dict(fields) else [*fields, version]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("github", GitHub, ProviderSettings)
