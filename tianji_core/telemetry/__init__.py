"""Logs, and the delivery of finished calls to the callbacks."""

from tianji_core.telemetry.delivery import Subscription
from tianji_core.telemetry.dispatcher import CallbackDispatcher
from tianji_core.telemetry.logs import configure_logging, ensure_logging, get_logger
from tianji_core.telemetry.own import OwnCallback

__all__ = ["CallbackDispatcher", "OwnCallback", "Subscription", "configure_logging", "ensure_logging", "get_logger"]
