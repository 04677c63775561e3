"""The guardrail `hide-secrets`: credentials do not go to models, nor come from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_guardrail_secrets.guardrail import HideSecrets
from tianji_guardrail_secrets.settings import HideSecretsSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAMES = ("hide-secrets", "hide_secrets")
__all__ = ["NAMES", "HideSecrets", "HideSecretsSettings"]


@hookimpl
def tianji_register_guardrails(register: Register) -> None:
    for name in NAMES:
        register(name, HideSecrets, settings=HideSecretsSettings)
