"""The whole config."""

from __future__ import annotations

from typing import Annotated

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, key, later
from tianji_core.config.schema.credentials import Credential
from tianji_core.config.schema.general_settings import GeneralSettings
from tianji_core.config.schema.guardrails import Guardrail
from tianji_core.config.schema.litellm_settings import LitellmSettings
from tianji_core.config.schema.model_list import Deployment
from tianji_core.config.schema.router_settings import RouterSettings
from tianji_core.config.schema.types import AnyMap, Kind, Names, SecretText
from tianji_core.config.schema.vendor_settings import AssistantSettings, VendorRow

# Where router_settings says nothing, litellm_settings does: key there → key here.
INHERITED = {
    "num_retries": "num_retries",
    "timeout": "request_timeout",
    "fallbacks": "fallbacks",
    "default_fallbacks": "default_fallbacks",
    "context_window_fallbacks": "context_window_fallbacks",
    "content_policy_fallbacks": "content_policy_fallbacks",
    "allowed_fails": "allowed_fails",
    "cooldown_time": "cooldown_time",
}


class Config(Block):
    """What a proxy_config.yaml says, checked."""

    rare = known.TOP

    model_list: list[Deployment] = key([], "The deployments.", kind="list of blocks")
    router_settings: RouterSettings = key({}, "How one is chosen.", kind="block")
    litellm_settings: LitellmSettings = key({}, "What holds for every call.", kind="block")
    general_settings: GeneralSettings = key({}, "The server.", kind="block")
    guardrails: list[Guardrail] = key([], "Checks of prompts and answers.", usage="B", kind="list of blocks")
    credential_list: list[Credential] = key([], "Credentials by name.", usage="B", kind="list of blocks")
    files_settings: list[VendorRow] = key([], "Vendors that keep callers' files.", usage="C", kind="list of blocks")
    finetune_settings: list[VendorRow] = key([], "Vendors that train models.", usage="C", kind="list of blocks")
    assistant_settings: AssistantSettings | None = key(
        None, "The vendor behind assistants and threads.", usage="C", kind="block"
    )
    callback_settings: Annotated[dict[str, AnyMap], Kind("map of maps")] = key({}, "Options by callback.", usage="B")
    environment_variables: Annotated[dict[str, SecretText], Kind("map of text")] = key(
        {}, "Variables to set before anything else.", usage="B"
    )
    default_vertex_config: AnyMap = key(
        {}, "vertex_project, vertex_location, vertex_credentials for `/vertex_ai/…` where no row has any.", usage="C"
    )
    include: Names = key([], "Further files to read; relative to this one.", usage="B")
    plugins: Names = key([], "Plugin packages to load that nothing else names.", usage="ours")

    mcp_servers = later(None, "MCP servers by name.", kind="map", noop=(None, {}))

    def inherit(self) -> Config:
        """router_settings filled up from litellm_settings, so that readers need to look in one place only."""
        ours, theirs = self.router_settings.model_fields_set, self.litellm_settings
        found = {
            name: getattr(theirs, source)
            for name, source in INHERITED.items()
            if name not in ours and source in theirs.model_fields_set
        }
        router = self.router_settings.model_copy(update=found)
        return self.model_copy(update={"router_settings": router})
