"""The operator's numbers of a gateway, read off its parts when somebody asks: nothing is worked out during a call.

All of it is read on the event loop, in one go, and takes no lock: the parts keep plain numbers that only the loop
changes.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from tianji_core import __version__
from tianji_core.api.metrics import Across, MetricFamily, Sample
from tianji_core.gateway.cache.local import RedisCache
from tianji_core.state.redis_state import RedisState

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment, Stats
    from tianji_core.state.link import Link
    from tianji_core.telemetry.delivery import Delivery

STARTED = time.time()
"""When this process loaded the gateway, in Unix seconds."""
MOST_ORIGINS = 200
"""Origins that are shown by name: files that clients name may come from anywhere. The others are one, `other`."""
DEPLOYMENT = ("litellm_model_name", "model_id", "api_base", "api_provider")
"""The reference's labels of a deployment."""


def families(gateway: Gateway) -> Iterator[MetricFamily]:
    """Everything, as it stands now."""
    yield from _process(gateway)
    yield from _calls(gateway)
    yield from _callbacks(gateway)
    yield from _connections(gateway)
    yield from _deployments(gateway)
    yield from _shared(gateway)
    yield from _budgets(gateway)


def _one(name: str, kind: Literal["gauge", "counter"], help: str, value: float, across: Across = "sum") -> MetricFamily:
    """A metric without labels."""
    return MetricFamily(name, kind, help, (), (Sample((), float(value)),), across)


def _process(gateway: Gateway) -> Iterator[MetricFamily]:
    build = Sample((__version__, platform.python_version()), 1.0)
    yield MetricFamily(
        "tianji_build_info", "gauge", "Always 1; the labels say what runs.", ("version", "python"), (build,), "max"
    )
    yield _one("tianji_start_time_seconds", "gauge", "When the process began (Unix time).", STARTED, "max")
    yield _one(
        "tianji_config_loaded_time_seconds",
        "gauge",
        "When the config in force was compiled (Unix time).",
        gateway.compiled_at,
        "max",
    )
    lag = gateway.lag
    yield _one("tianji_event_loop_lag_seconds", "gauge", "How late the event loop last was.", lag.last, "max")
    yield _one(
        "tianji_event_loop_lag_max_seconds",
        "gauge",
        "How late it was at most within the last half minute to minute.",
        lag.largest,
        "max",
    )


def _calls(gateway: Gateway) -> Iterator[MetricFamily]:
    stats, cache = gateway.pipeline.stats, gateway.pipeline.cache
    in_flight = sum(each.pipeline.limits.in_flight for each in gateway.generations)
    yield _one("litellm_in_flight_requests", "gauge", "Calls under way.", in_flight)
    yield _one("tianji_retries_total", "counter", "Further tries within a model group.", stats.retries)
    yield _one("tianji_fallbacks_total", "counter", "Other model groups that were asked.", stats.fallbacks)
    if cache is None:
        return
    store = cache.store
    up = store.cache.link.up if isinstance(store.cache, RedisCache) else store.up
    yield _one("tianji_cache_hits_total", "counter", "Calls that the response cache answered.", store.hits)
    yield _one("tianji_cache_misses_total", "counter", "Calls that it was asked for in vain.", store.misses)
    asked = (Sample((store.kind,), float(up)),)
    yield MetricFamily("tianji_cache_up", "gauge", "Whether the response cache is asked.", ("type",), asked, "max")


def _callbacks(gateway: Gateway) -> Iterator[MetricFamily]:
    labels = ("callback_name",)
    deliveries = {each.subscription.name: each for each in gateway.pipeline.callbacks.deliveries}

    def samples(read: Callable[[Delivery], float]) -> list[Sample]:
        return [Sample((name,), float(read(each))) for name, each in deliveries.items()]

    for name, help, read in _CALLBACK_GAUGES:
        yield MetricFamily(name, "gauge", help, labels, samples(read))
    for name, help, read in _CALLBACK_COUNTERS:
        yield MetricFamily(name, "counter", help, labels, samples(read))


_CALLBACK_GAUGES: tuple[tuple[str, str, Callable[[Delivery], float]], ...] = (
    ("tianji_callback_queued_records", "Records and events that wait for a callback.", lambda each: each.queued),
    ("tianji_callback_resting", "Whether a sink that keeps failing is left alone.", lambda each: each.rests),
)
_CALLBACK_COUNTERS: tuple[tuple[str, str, Callable[[Delivery], float]], ...] = (
    ("tianji_callback_delivered_records_total", "Records and events delivered.", lambda each: each.delivered),
    ("tianji_callback_retries_total", "Further tries of a delivery.", lambda each: each.retried),
    (
        "tianji_callback_dropped_records_total",
        "Records lost because there were too many, or no time.",
        lambda each: each.dropped,
    ),
    (
        "litellm_callback_logging_failures_metric",
        "Records that a callback would not have.",
        lambda each: each.failed,
    ),
)


def _connections(gateway: Gateway) -> Iterator[MetricFamily]:
    busy: Counter[str] = Counter()
    idle: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    names: set[str] = set()
    for each in gateway.generations:
        for transport in each.transports:
            for origin, usage in transport.usage().items():
                name = str(origin)
                if name not in names and len(names) >= MOST_ORIGINS:
                    name = "other"
                names.add(name)
                busy[name] += usage.busy
                idle[name] += usage.idle
                waiting[name] += usage.waiting
    both = (("busy", busy), ("idle", idle))
    yield MetricFamily(
        "tianji_upstream_connections",
        "gauge",
        "Connections to vendors; busy ones are opening or carry a request.",
        ("origin", "state"),
        [Sample((name, state), float(count[name])) for name in sorted(names) for state, count in both],
    )
    yield MetricFamily(
        "tianji_upstream_waiting_requests",
        "gauge",
        "Requests that wait for a connection to a vendor.",
        ("origin",),
        [Sample((name,), float(waiting[name])) for name in sorted(names)],
    )


def _deployments(gateway: Gateway) -> Iterator[MetricFamily]:
    pipeline = gateway.pipeline
    stats = pipeline.stats
    rows = {each.id: each for each in pipeline.models.deployments}
    labels = {each.id: _labels(each) for each in rows.values()}
    yield MetricFamily(
        "litellm_deployment_state",
        "gauge",
        "0: it answers; 1: some of its calls failed within this minute; 2: it rests after failures.",
        DEPLOYMENT,
        [Sample(labels[id], state_of(stats, id)) for id in rows],
        "max",
    )
    yield MetricFamily(
        "litellm_deployment_cooled_down",
        "counter",
        "How often a deployment was sent to rest.",
        (*DEPLOYMENT, "exception_status"),
        [
            Sample((*labels[id], str(status)), float(times))
            for (id, status), times in stats.cooldowns.begun.items()
            if id in labels
        ],
    )
    yield MetricFamily(
        "tianji_deployment_in_flight_requests",
        "gauge",
        "Tries under way at a deployment.",
        DEPLOYMENT,
        [Sample(labels[id], float(stats.stats(id).in_flight)) for id in rows],
    )
    for kind in ("tpm", "rpm"):
        limits = [(each, getattr(each, kind)) for each in rows.values()]
        yield MetricFamily(
            f"litellm_deployment_{kind}_limit",
            "gauge",
            f"The {kind} of its row.",
            ("model_group", *DEPLOYMENT),
            [Sample((each.model_name, *labels[each.id]), float(limit)) for each, limit in limits if limit is not None],
            "max",
        )


def state_of(stats: Stats, deployment_id: str) -> float:
    """The reference's number for how a deployment is: 0 well, 1 failing in part, 2 left alone."""
    if stats.cooldowns.rests(deployment_id):
        return 2.0
    seen = stats.stats(deployment_id)
    return 1.0 if seen.failed or seen.failed_in_a_row or deployment_id in stats.cooldowns.resting else 0.0


def _labels(deployment: Deployment) -> tuple[str, str, str, str]:
    return (deployment.model, deployment.id, deployment.api_base or "None", deployment.provider_name)


def _shared(gateway: Gateway) -> Iterator[MetricFamily]:
    """Redis and the database; nothing of what the config does not name."""
    links: dict[str, Link] = {}
    if isinstance(gateway.state, RedisState):
        links["state"] = gateway.state.link
    cache = gateway.pipeline.cache
    if cache is not None and isinstance(cache.store.cache, RedisCache):
        links["cache"] = cache.store.cache.link
    if links:
        help = "Whether Redis is asked; 0 while its breaker is open."
        ups = [Sample((purpose,), float(link.up)) for purpose, link in links.items()]
        yield MetricFamily("tianji_redis_up", "gauge", help, ("purpose",), ups, "max")
        breaks = [Sample((purpose,), float(link.breaks)) for purpose, link in links.items()]
        help = "How often Redis was given up after failures."
        yield MetricFamily("tianji_redis_breaks_total", "counter", help, ("purpose",), breaks)
    if gateway.state.shared:
        yield _one("tianji_replicas", "gauge", "Replicas that share the state.", gateway.state.replicas, "max")
    store = gateway.store
    if store.configured or store.opened is not None:
        up = store.opened is not None and store.opened.up
        yield _one("tianji_database_up", "gauge", "Whether the last statement got through.", up, "max")


def _budgets(gateway: Gateway) -> Iterator[MetricFamily]:
    budgets = gateway.pipeline.budgets
    left: Mapping[str, float] = {} if budgets is None else budgets.left_of_providers()
    if left:
        yield MetricFamily(
            "litellm_provider_remaining_budget_metric",
            "gauge",
            "US dollars that a provider may still cost.",
            ("api_provider",),
            [Sample((provider,), dollars) for provider, dollars in left.items()],
            "max",
        )
