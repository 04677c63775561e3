"""The Redis that the config or the environment names: for what replicas share, and for the response cache."""

from __future__ import annotations

from typing import Any

from tianji_core.config import Config, Settings
from tianji_core.config.schema.cache_params import CacheParams
from tianji_core.state import RedisAddress, RedisAddressError, redis_address


def state_redis(config: Config, settings: Settings) -> RedisAddress | None:
    """Where replicas share their state: what `router_settings` says, else the response cache's Redis, else the
    environment's. None if nobody names one. Raises RedisAddressError, whose text begins with what named it.
    """
    litellm = config.litellm_settings
    cached = _of_cache(litellm.cache_params) if litellm.cache and litellm.cache_params.type == "redis" else None
    return _of_router(config) or cached or _of_environment(settings)


def cache_redis(config: Config, settings: Settings) -> RedisAddress | None:
    """Where the response cache's Redis is: as above, and `cache_params` is asked first."""
    return _of_cache(config.litellm_settings.cache_params) or _of_environment(settings) or _of_router(config)


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


def _of_cache(params: CacheParams) -> RedisAddress | None:
    if not (params.url or params.host or params.redis_startup_nodes or params.service_name):
        return None
    return _checked(
        "cache_params",
        "url" if params.url else "",
        url=params.url,
        host=params.host,
        port=params.port,
        db=params.db,
        username=params.username,
        password=params.password,
        ssl=params.ssl,
        service=params.service_name,
        sentinel_password=params.sentinel_password,
        sentinels=params.sentinel_nodes,
        startup_nodes=params.redis_startup_nodes,
        options=params.model_extra,
    )


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
