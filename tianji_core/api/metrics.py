"""The operator's numbers as plain values: what `Gateway.metrics()` gives to whoever exposes them.

Names are those of Prometheus: a base unit at the end, `_total` on counters. What the reference has a name for begins
with `litellm_` here, and an exposition may put another prefix in its place; what it has none for begins with `tianji_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Across = Literal["sum", "max"]
"""What the numbers of several processes of one gateway come to together."""


class Sample(NamedTuple):
    """One number; `labels` are the values of the family's labels, in their order."""

    labels: tuple[str, ...]
    value: float


class MetricFamily(NamedTuple):
    """One metric with all its series, as they stand now.

    A gauge goes up and down, a counter only up until the process ends.
    """

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    samples: Sequence[Sample]
    across: Across = "sum"
