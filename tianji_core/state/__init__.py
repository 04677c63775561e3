"""What replicas share: counters, limits, small values, news. In this process, or in Redis where one is named."""

from tianji_core.state.address import RedisAddress, RedisAddressError, redis_address
from tianji_core.state.contract import Limit, Refused, State, Taken
from tianji_core.state.memory import MemoryState

__all__ = [
    "Limit",
    "MemoryState",
    "RedisAddress",
    "RedisAddressError",
    "Refused",
    "State",
    "Taken",
    "make_state",
    "redis_address",
]


def make_state(address: RedisAddress | None, *, replicas: int = 1) -> State:
    """The state for a config: in Redis, or without one in this process, whose share of a limit is one of `replicas`."""
    if address is None:
        return MemoryState(replicas=replicas)
    from tianji_core.state.redis_state import RedisState  # most gateways run without

    return RedisState(address, replicas=replicas)
