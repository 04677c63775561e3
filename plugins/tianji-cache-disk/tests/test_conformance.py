"""The standard tests of a cache."""

from tianji_cache_disk import DiskCacheSettings, make
from tianji_cache_disk.cache import DiskCache
from tianji_core.testing import CacheConformance


class TestDisk(CacheConformance):
    def cache(self) -> DiskCache:
        return make(DiskCacheSettings(disk_cache_dir=str(self.folder / "made" / "here")))
