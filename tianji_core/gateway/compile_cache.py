"""From the config to the response cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tianji_core.api.cache import Cache
from tianji_core.config.schema.cache_params import CacheParams
from tianji_core.gateway.cache import CacheRules, GuardedCache, ResponseCache
from tianji_core.gateway.cache.cache import TYPES
from tianji_core.gateway.cache.local import LocalCache, LocalSettings, RedisCache
from tianji_core.gateway.named_redis import cache_redis
from tianji_core.routing import Deployment, ModelTable
from tianji_core.state import RedisAddress, RedisAddressError

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler

_PATH = ("litellm_settings", "cache_params")
_IN_MEMORY = frozenset({"local", "memory", "in-memory"})
_CALL_TYPES = {
    "completion": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "rerank": "rerank",
    "transcription": "transcriptions",
    "responses": "responses",
    "anthropic_messages": "messages",
    "generate_content": "gemini",
    "chat": "chat",
    "completions": "completions",
    "embeddings": "embeddings",
    "transcriptions": "transcriptions",
    "messages": "messages",
    "gemini": "gemini",
}
"""The reference's names, each with or without an `a` in front, and ours."""


def build_cache(compiler: Compiler, models: ModelTable, deployments: Sequence[Deployment]) -> ResponseCache | None:
    """The cache that the config wants; None after a problem, which is noted."""
    params: CacheParams = compiler.config.litellm_settings.cache_params
    store = _store(compiler, params)
    if store is None:
        return None
    rules = CacheRules(
        types=_types(compiler, params),
        default_on=params.mode == "default_on",
        ttl=_ttl(params),
        namespace=params.namespace,
        shared_by=params.shared_by,
        coalesces=params.coalesce,
        forwarded=tuple(sorted({n.encode() for d in deployments for n in d.provider.forward_headers})),
    )
    shown = params.model_dump(mode="json", exclude={"url", "password", "sentinel_password"}, exclude_none=True)
    if isinstance(store.cache, RedisCache):
        shown["redis"] = store.cache.link.address.shown
    return ResponseCache(store, rules, models, {d.id: d for d in deployments}, shown)


def _store(compiler: Compiler, params: CacheParams) -> GuardedCache | None:
    """The cache itself; the one until now, if the config means the same."""
    said = tuple(sorted((name, repr(value)) for name, value in _said(params).items()))
    address: RedisAddress | None = None
    if params.type == "redis":
        try:
            address = cache_redis(compiler.config, compiler.settings)
        except RedisAddressError as error:
            compiler.problem(_PATH, str(error))
            return None
        if address is None:
            hint = "Set `host` or `url`, or REDIS_URL in the environment; or `type: local` for a cache in memory."
            compiler.problem(_PATH, "no Redis is named", hint)
            return None
    origin = (said, address)
    before = compiler.predecessor.pipeline.cache if compiler.predecessor is not None else None
    if before is not None and before.store.origin == origin:
        kept: GuardedCache = before.store
        return kept
    cache: Any
    if address is not None:
        cache = RedisCache(address, params.timeout)
    elif params.type in _IN_MEMORY:
        cache = LocalCache(LocalSettings(max_size_mb=params.max_size_mb, max_entries=params.max_entries))
    else:
        cache = _plugin(compiler, params)
    if not isinstance(cache, Cache):
        return None
    # Redis keeps to the time by itself, and knows better what to say and when to ask again.
    patience = params.timeout if address is None else 2 * params.timeout
    return GuardedCache(cache, timeout=patience, kind=params.type, origin=origin)


def _plugin(compiler: Compiler, params: CacheParams) -> Any:
    """A plugin's cache, made of those of the settings that it has fields for."""
    try:
        fields = compiler.registry.load("cache", params.type).settings
    except Exception:  # what is wrong with it is told below, with its place
        fields = None
    names = set(fields.model_fields) - {"environ"} if fields is not None else set()
    values = {name: value for name, value in _said(params).items() if name in names}
    compiler.honoured(_PATH, names)
    return compiler.make("cache", params.type, values, (*_PATH, "type"), inside=_PATH)


def _said(params: CacheParams) -> Mapping[str, Any]:
    """What the config says, and nothing else."""
    found = {name: getattr(params, name) for name in params.model_fields_set if name in type(params).model_fields}
    return {**found, **(params.model_extra or {})}


def _types(compiler: Compiler, params: CacheParams) -> frozenset[str]:
    if params.supported_call_types is None:
        return frozenset(TYPES)
    found = set()
    for index, name in enumerate(params.supported_call_types):
        kind = _CALL_TYPES.get(name) or _CALL_TYPES.get(name.removeprefix("a"))
        if kind is None:
            path = (*_PATH, "supported_call_types", index)
            known = ", ".join(sorted({*_CALL_TYPES} - {"generate_content"}))
            compiler.problem(
                path, f'no kind of call that is cached is called "{name}"', f"There are: {known}.", severity="warning"
            )
            continue
        found.add(kind)
    return frozenset(found)


def _ttl(params: CacheParams) -> float | None:
    if params.type == "redis" and params.default_in_redis_ttl is not None:
        return params.default_in_redis_ttl
    if params.type in _IN_MEMORY and params.default_in_memory_ttl is not None:
        return params.default_in_memory_ttl
    return params.ttl
