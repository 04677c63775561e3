"""The schema: one module for each block of the config."""

from tianji_core.config.schema.base import Block, keys_of
from tianji_core.config.schema.credentials import Credential
from tianji_core.config.schema.general_settings import GeneralSettings
from tianji_core.config.schema.guardrails import Guardrail, GuardrailParams
from tianji_core.config.schema.litellm_settings import LitellmSettings
from tianji_core.config.schema.model_list import OPENAI_PARAMS, Deployment, LitellmParams, ModelInfo
from tianji_core.config.schema.root import Config
from tianji_core.config.schema.router_settings import GroupAlias, RouterSettings, RoutingGroup

__all__ = [
    "OPENAI_PARAMS",
    "Block",
    "Config",
    "Credential",
    "Deployment",
    "GeneralSettings",
    "GroupAlias",
    "Guardrail",
    "GuardrailParams",
    "LitellmParams",
    "LitellmSettings",
    "ModelInfo",
    "RouterSettings",
    "RoutingGroup",
    "keys_of",
]
