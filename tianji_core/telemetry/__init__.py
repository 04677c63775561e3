"""Logs, and the delivery of finished calls to the callbacks."""

from tianji_core.telemetry.delivery import Subscription
from tianji_core.telemetry.dispatcher import CallbackDispatcher
from tianji_core.telemetry.logs import configure_logging, ensure_logging, get_logger

__all__ = ["CallbackDispatcher", "Subscription", "configure_logging", "ensure_logging", "get_logger"]
