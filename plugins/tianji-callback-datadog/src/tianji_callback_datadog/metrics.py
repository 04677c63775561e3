"""Metrics (https://docs.datadoghq.com/api/latest/metrics/#submit-metrics): calls added up for each interval."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tianji_callback_datadog.pieces import send_in_pieces
from tianji_callback_datadog.settings import DatadogSettings, Origin
from tianji_core.api.callback import Callback, CallRecord, DeliveryError
from tianji_core.api.standard_json import any_json

COUNT, GAUGE = 1, 3
PATH = "/api/v2/series"
_REQUEST_BYTES = 500_000
"""Datadog takes 512,000."""
_MOST_CALLS = 50_000
Tags = tuple[str, ...]


class DatadogMetrics(Callback):
    """Posts sums and means of the calls of each interval, by provider, model group, team and status."""

    batch_size = _MOST_CALLS

    def __init__(self, settings: DatadogSettings) -> None:
        """Raises ValueError for settings that cannot be used."""
        self._origin = origin = Origin(settings)
        self.flush_interval = settings.flush_interval
        self.deadline = 2 * settings.timeout + 1
        self._sender = origin.api(PATH)
        self._under_way: tuple[Sequence[CallRecord], list[bytes]] | None = None

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        if self._under_way is None or self._under_way[0] is not records:
            self._under_way = (records, [any_json(series) for series in self._series(records)])
        pieces = self._under_way[1]
        try:
            await send_in_pieces(self._sender, pieces, _REQUEST_BYTES, lambda body: b'{"series":[' + body + b"]}")
        except DeliveryError as error:
            # Pieces are series, not calls: what has arrived is not sent again, and the calls are all still waiting.
            del pieces[: error.taken]
            error.taken = 0
            raise
        self._under_way = None

    async def aclose(self) -> None:
        await self._sender.aclose()

    def _series(self, records: Sequence[CallRecord]) -> list[dict[str, Any]]:
        sums: defaultdict[tuple[str, Tags], float] = defaultdict(float)
        means: defaultdict[tuple[str, Tags], list[float]] = defaultdict(list)
        for record in records:
            tags = self._tags(record)
            sums["litellm.llm_api.request_count", tags] += 1
            means["litellm.request.total_latency", tags].append(record.duration)
            if record.attempts:
                means["litellm.llm_api.latency", tags].append(sum(each.duration for each in record.attempts))
            if record.first_chunk_at is not None:
                first = record.first_chunk_at - record.started_at
                means["litellm.llm_api.time_to_first_token", tags].append(first)
            for key, name in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
                number = (record.usage or {}).get(key)
                if isinstance(number, int):
                    sums[f"litellm.{name}", tags] += number
            if record.cost is not None:
                sums["litellm.cost", tags] += record.cost
            if record.error is not None:
                sums["litellm.errors", (*tags, f"error:{record.error.kind}")] += 1
        now = int(time.time())
        interval = max(1, int(self.flush_interval))
        found = [self._one(name, tags, value, now, COUNT, interval) for (name, tags), value in sums.items()]
        for (name, tags), values in means.items():
            found.append(self._one(name, tags, sum(values) / len(values), now, GAUGE, None))
        return found

    def _one(self, name: str, tags: Tags, value: float, now: int, kind: int, interval: int | None) -> dict[str, Any]:
        series: dict[str, Any] = {
            "metric": name,
            "type": kind,
            "points": [{"timestamp": now, "value": value}],
            "tags": [*self._origin.tags, *tags],
            "resources": [{"type": "host", "name": self._origin.hostname}],
        }
        return series if interval is None else {**series, "interval": interval}

    @staticmethod
    def _tags(record: CallRecord) -> Tags:
        """Few values each: none of them is a client's to make up."""
        return (
            f"provider:{record.provider or 'none'}",
            f"model_group:{record.model_group if record.deployment_id is not None else 'none'}",
            f"model_name:{record.upstream_model or 'none'}",
            f"team:{record.principal.team_id or 'none'}",
            f"status_code:{200 if record.error is None else record.error.status}",
        )
