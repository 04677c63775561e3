"""The callback `generic_api`, or `webhook`: finished calls as JSON to a URL of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_webhook.callback import Webhook
from tianji_callback_webhook.settings import WebhookSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAMES = ("generic_api", "webhook")
__all__ = ["NAMES", "Webhook", "WebhookSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    for name in NAMES:
        register(name, Webhook, settings=WebhookSettings)
