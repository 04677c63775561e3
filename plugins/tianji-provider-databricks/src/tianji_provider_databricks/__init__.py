"""The provider `databricks`: model serving and Unity AI Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_core import hookimpl
from tianji_provider_databricks.provider import Databricks
from tianji_provider_databricks.settings import DatabricksSettings

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

__all__ = ["Databricks", "DatabricksSettings"]


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("databricks", Databricks, DatabricksSettings)
