"""The callback `sentry`: failed calls, and what is critical about the gateway itself, as events in Sentry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_sentry.callback import Sentry
from tianji_callback_sentry.settings import SentrySettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "sentry"
__all__ = ["NAME", "Sentry", "SentrySettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register(NAME, Sentry, settings=SentrySettings)
