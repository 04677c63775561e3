"""`Settings`: what the process environment says about the gateway itself.

Every setting has a `TIANJI_` name; the reference's own name is read as well, and loses when both are set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from tianji_core.config.report import ConfigError, Problem, Report
from tianji_core.config.schema.types import SecretText


def _named(*names: str, default: Any = None, doc: str = "") -> Any:
    return Field(default, validation_alias=AliasChoices(*names), description=doc)


_GIVEN: ContextVar[Mapping[str, str] | None] = ContextVar("_GIVEN", default=None)
"""The variables to read instead of the process environment: pydantic asks the class for its sources, not the caller."""


class Settings(BaseSettings):
    """Settings from the environment. `Settings.read(loaded.environ)` also sees `.env` and the config's variables."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    # The gateway
    master_key: SecretText | None = _named("TIANJI_MASTER_KEY", "LITELLM_MASTER_KEY", doc="The admin's key.")
    permit_weak_or_unset_master_key: bool = _named(
        "TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY",
        default=False,
        doc="Start without a master key, or with a publicly known one.",
    )
    salt_key: SecretText | None = _named("TIANJI_SALT_KEY", "LITELLM_SALT_KEY", doc="Encrypts secrets in the database.")
    config_file_path: str | None = _named("TIANJI_CONFIG_FILE_PATH", "CONFIG_FILE_PATH", doc="The config file.")
    log: str = _named("TIANJI_LOG", "LITELLM_LOG", default="INFO", doc="Log level.")
    mode: str | None = _named("TIANJI_MODE", "LITELLM_MODE", doc="PRODUCTION or DEV; for compatibility.")

    # The server
    host: str = _named("TIANJI_HOST", "HOST", default="0.0.0.0", doc="Address to listen on.")  # noqa: S104
    port: int = _named("TIANJI_PORT", "PORT", default=4000, doc="Port to listen on.")
    num_workers: int = _named("TIANJI_NUM_WORKERS", "NUM_WORKERS", default=1, doc="Worker processes.")
    server_root_path: str = _named("TIANJI_SERVER_ROOT_PATH", "SERVER_ROOT_PATH", default="", doc="Path prefix.")
    proxy_base_url: str | None = _named("TIANJI_PROXY_BASE_URL", "PROXY_BASE_URL", doc="Public address.")
    docs_url: str | None = _named("TIANJI_DOCS_URL", "DOCS_URL", doc="Where the API page is.")
    no_docs: bool = _named("TIANJI_NO_DOCS", "NO_DOCS", default=False, doc="No API page.")

    # Retries
    initial_retry_delay: float = _named(
        "TIANJI_INITIAL_RETRY_DELAY", "INITIAL_RETRY_DELAY", default=0.5, doc="First pause, in seconds."
    )
    max_retry_delay: float = _named(
        "TIANJI_MAX_RETRY_DELAY", "MAX_RETRY_DELAY", default=8.0, doc="Longest pause, in seconds."
    )
    jitter: float = _named("TIANJI_JITTER", "JITTER", default=0.75, doc="Random part of a pause, in seconds.")

    price_table: str | None = _named("TIANJI_PRICE_TABLE", doc="A price table that goes over the one built in.")

    # Batches
    batch_lease: float = _named(
        "TIANJI_BATCH_LEASE", default=30.0, doc="How long a batch stays with a process that has died, in seconds."
    )
    batch_poll: float = _named(
        "TIANJI_BATCH_POLL", default=30.0, doc="Pause between two looks at a vendor's batch, in seconds."
    )

    # Stores
    database_url: SecretText | None = _named("TIANJI_DATABASE_URL", "DATABASE_URL", doc="The database.")
    direct_url: SecretText | None = _named("TIANJI_DIRECT_URL", "DIRECT_URL", doc="The database, past its pooler.")
    store_model_in_db: bool = _named(
        "TIANJI_STORE_MODEL_IN_DB",
        "STORE_MODEL_IN_DB",
        default=False,
        doc="Models and settings live in the database too.",
    )
    redis_url: SecretText | None = _named("TIANJI_REDIS_URL", "REDIS_URL", doc="Redis, instead of host and port.")
    redis_host: str | None = _named("TIANJI_REDIS_HOST", "REDIS_HOST", doc="Host of Redis.")
    redis_port: int | None = _named("TIANJI_REDIS_PORT", "REDIS_PORT", doc="Port of Redis.")
    redis_username: str | None = _named("TIANJI_REDIS_USERNAME", "REDIS_USERNAME", doc="User of Redis.")
    redis_password: SecretText | None = _named("TIANJI_REDIS_PASSWORD", "REDIS_PASSWORD", doc="Password of Redis.")
    redis_db: int | None = _named("TIANJI_REDIS_DB", "REDIS_DB", doc="Number of the Redis database.")
    redis_ssl: bool = _named("TIANJI_REDIS_SSL", "REDIS_SSL", default=False, doc="TLS to Redis.")
    redis_cluster_nodes: list[Any] = _named(
        "TIANJI_REDIS_CLUSTER_NODES", "REDIS_CLUSTER_NODES", default=(), doc="Nodes of a Redis cluster, as JSON."
    )
    redis_service_name: str | None = _named(
        "TIANJI_REDIS_SERVICE_NAME", "REDIS_SERVICE_NAME", doc="Name by which Sentinels know the Redis."
    )
    redis_sentinel_nodes: list[Any] = _named(
        "TIANJI_REDIS_SENTINEL_NODES", "REDIS_SENTINEL_NODES", default=(), doc="The Sentinels, as JSON."
    )
    redis_timeout: float = _named("TIANJI_REDIS_TIMEOUT", default=0.05, doc="Time for one operation, in seconds.")
    replicas: int = _named(
        "TIANJI_REPLICAS", default=1, doc="How many replicas share a limit, where they cannot count themselves."
    )

    # The admin page
    ui_username: str | None = _named("TIANJI_UI_USERNAME", "UI_USERNAME", doc="Admin page login.")
    ui_password: SecretText | None = _named("TIANJI_UI_PASSWORD", "UI_PASSWORD", doc="Admin page login.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = _GIVEN.get()
        if given is None:
            return init_settings, _variables(settings_cls, os.environ)
        return (_variables(settings_cls, given),)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from these variables, not from the process environment. Raises ConfigError naming a wrong one."""
        token = _GIVEN.set(environ)
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError(
                Report.of(_problem(cls, environ, detail["loc"], detail["msg"]) for detail in error.errors())
            ) from None
        finally:
            _GIVEN.reset(token)


def _variables(settings: type[BaseSettings], environ: Mapping[str, str]) -> EnvSettingsSource:
    source = EnvSettingsSource(settings)
    source.env_vars = {name: value for name, value in environ.items() if value and not _is_link(name, value)}
    return source


def _is_link(name: str, value: str) -> bool:
    """Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 for a service called redis: that is no port number."""
    return name.endswith("_PORT") and "://" in value


def _problem(settings: type[Settings], environ: Mapping[str, str], loc: tuple[int | str, ...], message: str) -> Problem:
    """The variable that is wrong, by the name it was given under: pydantic tells a setting's first name only."""
    first = str(loc[0]) if loc else ""
    families = (getattr(info.validation_alias, "choices", ()) for info in settings.model_fields.values())
    names = next((family for family in families if first in family), (first,))
    name = next((str(name) for name in names if environ.get(str(name))), first)
    return Problem("error", "type", "environment", name, message[:1].lower() + message[1:])
