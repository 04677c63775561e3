"""The cache `disk`: answers in a file, which outlive a restart and are shared by the processes of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tianji_core import hookimpl
from tianji_core.api.cache import CacheSettings

if TYPE_CHECKING:
    from tianji_cache_disk.cache import DiskCache
    from tianji_core.hookspecs import Register


class DiskCacheSettings(CacheSettings):
    """The keys of `cache_params` that are for this cache."""

    disk_cache_dir: str = Field("tianji-cache", min_length=1, description="The folder; made if it is not there")
    disk_cache_size_mb: float = Field(1024.0, gt=0, description="How large the answers may be together")


def make(settings: DiskCacheSettings) -> DiskCache:
    """The cache; nothing is opened before `start`."""
    from tianji_cache_disk.cache import DiskCache

    return DiskCache(settings.disk_cache_dir, int(settings.disk_cache_size_mb * 1024 * 1024))


@hookimpl
def tianji_register_caches(register: Register) -> None:
    register("disk", make, settings=DiskCacheSettings)
