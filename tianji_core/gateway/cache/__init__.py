"""The response cache: answers to requests that were asked before. Imported only where the config wants one."""

from tianji_core.gateway.cache.cache import CacheRules, ResponseCache
from tianji_core.gateway.cache.guarded import GuardedCache

__all__ = ["CacheRules", "GuardedCache", "ResponseCache"]
