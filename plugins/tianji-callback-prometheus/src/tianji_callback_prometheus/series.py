"""Metrics whose number of series is bounded, whatever labels clients think of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from tianji_callback_prometheus.catalogue import BUCKETS, Metric

OTHER = "other"
"""The value of a label once there are too many series; the reference's word for it."""
_TIERS = (
    frozenset({"client_ip", "user_agent", "end_user", "user_email"}),
    frozenset(
        {"requested_model", "model", "litellm_model_name", "model_group", "fallback_model", "route", "guardrail_name"}
    ),
)
"""Labels that are given up first, and next: what clients make up, then names that wildcards let through."""

Write = Callable[[float], None]


def nothing(amount: float) -> None:
    """What a metric does that the config leaves out."""


class Family:
    """One metric and its series. The first 70 % of `limit` are for series as they are; then more and more labels become
    `other`, and the last series is for all that is left.
    """

    def __init__(
        self,
        metric: Metric,
        name: str,
        labels: tuple[str, ...],
        limit: int,
        *,
        registry: CollectorRegistry | None,
        own: frozenset[str] = frozenset(),
        buckets: tuple[float, ...] | None = None,
    ) -> None:
        """`own` are labels of the config; `buckets` are those of the config for metrics that have none of their own."""
        self.labels = labels
        self._children: dict[tuple[str, ...], Write] = {}
        first = _TIERS[0] | own
        self._tiers = (
            (limit * 0.7, frozenset[str]()),
            (limit * 0.85, first.intersection(labels)),
            (limit - 1.0, (first | _TIERS[1]).intersection(labels)),
            (float("inf"), frozenset(labels)),
        )
        self._metric: Counter | Histogram
        if metric.kind == "counter":
            self._metric = Counter(name, metric.help, labels, registry=registry)
        else:
            bounds = metric.buckets or buckets or BUCKETS
            self._metric = Histogram(name, metric.help, labels, buckets=bounds, registry=registry)

    def __len__(self) -> int:
        """How many series there are."""
        return len(self._children)

    def child(self, values: Mapping[str, str]) -> Write:
        """What writes to the series of these labels, or to one that stands for it and others."""
        wanted = tuple(values[label] for label in self.labels)
        found = self._children.get(wanted)
        if found is not None:
            return found
        for room, given_up in self._tiers:
            key = wanted
            if given_up:
                pairs = zip(self.labels, wanted, strict=True)
                key = tuple(OTHER if label in given_up else value for label, value in pairs)
                found = self._children.get(key)
                if found is not None:
                    return found
            if len(self._children) < room:
                break
        return self._add(key)

    def _add(self, key: tuple[str, ...]) -> Write:
        child: Any = self._metric.labels(*key) if self.labels else self._metric
        write: Write = child.inc if isinstance(self._metric, Counter) else child.observe
        self._children[key] = write
        return write


class Series:
    """The series that one kind of call writes to, by the short names of the catalogue; each is looked up when it is
    first written to.
    """

    def __init__(self, families: Mapping[str, Family], values: Mapping[str, str]) -> None:
        self._families = families
        self._values = values

    def __getattr__(self, name: str) -> Write:
        """Only asked for a name that is not there yet."""
        family = self._families.get(name)
        write = nothing if family is None else family.child(self._values)
        self.__dict__[name] = write
        return write
