"""The callback `prometheus`: metrics of calls and of the gateway itself, at `GET /metrics`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from tianji_callback_prometheus.callback import Prometheus
from tianji_callback_prometheus.settings import PrometheusSettings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from tianji_core.hookspecs import Register

NAME = "prometheus"
__all__ = ["NAME", "Prometheus", "PrometheusSettings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    register(NAME, Prometheus, settings=PrometheusSettings)


@hookimpl
def tianji_routes(gateway: Any) -> list[BaseRoute]:
    from tianji_callback_prometheus.endpoint import routes

    return list(routes())


@hookimpl
def tianji_lifespan(gateway: Any) -> AbstractAsyncContextManager[None]:
    from tianji_callback_prometheus.life import life

    return life(gateway)
