"""The callback `otel`: each call as spans, and if wanted as metrics, to an OpenTelemetry collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_otel.callback import OpenTelemetry
from tianji_callback_otel.settings import OtelSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAME = "otel"
__all__ = ["NAME", "OpenTelemetry", "OtelSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register(NAME, OpenTelemetry, settings=OtelSettings)
