"""What keeps a deployment from a call before the strategy is asked. Each filter is one reason."""

from tianji_core.routing.filters.access import AccessFilter, BlockedFilter
from tianji_core.routing.filters.contract import Filter, RoutedCall
from tianji_core.routing.filters.health import HealthFilter
from tianji_core.routing.filters.limits import LimitFilter, ParallelFilter
from tianji_core.routing.filters.prompt import ContextFilter, ResponseFormatFilter
from tianji_core.routing.filters.region import RegionFilter, region_of
from tianji_core.routing.filters.tags import TagFilter

__all__ = [
    "AccessFilter",
    "BlockedFilter",
    "ContextFilter",
    "Filter",
    "HealthFilter",
    "LimitFilter",
    "ParallelFilter",
    "RegionFilter",
    "ResponseFormatFilter",
    "RoutedCall",
    "TagFilter",
    "region_of",
]
