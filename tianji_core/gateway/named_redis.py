"""The Redis that the config or the environment names, for what replicas share."""

from __future__ import annotations

from typing import Any

from tianji_core.config import Config, Settings
from tianji_core.state import RedisAddress, RedisAddressError, redis_address


def state_redis(config: Config, settings: Settings) -> RedisAddress | None:
    """Where replicas share their state: what `router_settings` says, else the environment. None if neither names one.
    Raises RedisAddressError, whose text begins with what named it.
    """
    return _of_router(config) or _of_environment(settings)


def _of_router(config: Config) -> RedisAddress | None:
    router = config.router_settings
    if not router.redis_url and not router.redis_host:
        return None
    given = {
        "host": router.redis_host,
        "port": router.redis_port,
        "password": router.redis_password,
        "db": router.redis_db,
    }
    return _checked("router_settings", "redis_url" if router.redis_url else "", url=router.redis_url, **given)


def _of_environment(settings: Settings) -> RedisAddress | None:
    nodes, service = settings.redis_cluster_nodes, settings.redis_service_name
    if not (settings.redis_url or settings.redis_host or nodes or service):
        return None
    return _checked(
        "the environment",
        "REDIS_URL" if settings.redis_url else "",
        url=settings.redis_url,
        host=settings.redis_host,
        port=settings.redis_port,
        db=settings.redis_db,
        username=settings.redis_username,
        password=settings.redis_password,
        ssl=settings.redis_ssl,
        service=service,
        sentinels=settings.redis_sentinel_nodes,
        startup_nodes=nodes,
    )


def _checked(place: str, key: str, **given: Any) -> RedisAddress:
    try:
        return redis_address(**given)
    except RedisAddressError as error:
        raise RedisAddressError(f"{place}: {f'{key} ' if key else ''}{error}") from None
