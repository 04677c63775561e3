"""The callback `alerting`: what somebody should look at, to where people are (`general_settings.alerting`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_alerting.callback import Alerting
from tianji_callback_alerting.settings import AlertingSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "alerting"
__all__ = ["NAME", "Alerting", "AlertingSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register(NAME, Alerting, settings=AlertingSettings)
