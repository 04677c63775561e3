"""The database that the config or the environment names, as the config wants it used."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from tianji_core.config import Settings
from tianji_core.config.schema.general_settings import GeneralSettings
from tianji_core.store import Database, DatabaseURLError, check_url

_LIMIT = "database_connection_pool_limit"


def named_database(general: GeneralSettings, settings: Settings) -> Database | None:
    """The database; None if nobody named one. Raises DatabaseURLError, whose text begins with what named it."""
    url = general.database_url or settings.database_url
    if not url:
        return None
    said = "database_url" if general.database_url else "DATABASE_URL in the environment"
    try:
        database = check_url(url)
    except DatabaseURLError as error:
        raise DatabaseURLError(f"{said} {error}") from None
    if database.kind == "postgresql" and find_spec("psycopg") is None:
        raise DatabaseURLError("PostgreSQL needs a driver that is not installed: pip install 'tianji-core[postgres]'")
    given: dict[str, Any] = {
        "connection_limit": general.database_connection_pool_limit if _LIMIT in general.model_fields_set else None,
        "pool_timeout": general.database_connection_pool_timeout,
        "connect_timeout": general.database_connect_timeout,
        "socket_timeout": general.database_socket_timeout,
        "prepares": False if general.database_disable_prepared_statements else None,
    }
    return replace(database, **{name: value for name, value in given.items() if value is not None})
