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


def make_state(
    address: RedisAddress | None, *, replicas: int = 1, timeout: float = 0.05, before: State | None = None
) -> State:
    """The state for a config: in Redis, or without one in this process, whose share of a limit is one of `replicas`.

    `before` is the state until now, which stays if it is the same. `timeout` is for one operation, in seconds.
    """
    origin = (address, replicas, timeout)
    if before is not None and before.origin == origin:
        return before
    made: State
    if address is None:
        made = MemoryState(replicas=replicas)
    else:
        from tianji_core.state.redis_state import RedisState  # most gateways run without

        made = RedisState(address, replicas=replicas, limit=timeout)
    made.origin = origin
    return made
