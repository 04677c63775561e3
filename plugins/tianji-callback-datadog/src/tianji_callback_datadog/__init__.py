"""The callbacks `datadog` (logs), `datadog_llm_observability` (spans) and `datadog_metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_datadog.logs import DatadogLogs
from tianji_callback_datadog.metrics import DatadogMetrics
from tianji_callback_datadog.settings import DatadogSettings
from tianji_callback_datadog.spans import DatadogSpans
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["DatadogLogs", "DatadogMetrics", "DatadogSettings", "DatadogSpans"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register("datadog", DatadogLogs, settings=DatadogSettings)
    register("datadog_llm_observability", DatadogSpans, settings=DatadogSettings)
    register("datadog_metrics", DatadogMetrics, settings=DatadogSettings)
