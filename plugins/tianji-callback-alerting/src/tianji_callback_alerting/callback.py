"""The callback: from calls and events to alerts, and each alert to every channel at least once."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from tianji_callback_alerting.alert import Alert, Memory
from tianji_callback_alerting.channels import Channel, Channels
from tianji_callback_alerting.rules import Rules
from tianji_callback_alerting.settings import AlertingSettings
from tianji_core.api.callback import Callback, CallRecord, DeliveryError, GatewayEvent

log = logging.getLogger(__name__)

_ABOUT = ("deployment_id", "model_group", "name", "service", "call_id")
_MOST_WAITING = 1_000
_FIRST_REST, _LONGEST_REST = 0.5, 60.0
"""Seconds for which a channel that has failed is left alone."""


class Alerting(Callback):
    """Tells people. What waits for a channel that does not take it is sent again until it does, or the process ends."""

    batch_size = 1_000
    flush_interval = 0.5
    deadline = 120.0
    tick: float

    def __init__(self, settings: AlertingSettings, now: Callable[[], float] = time.time) -> None:
        """Raises ValueError for channels that cannot be set up."""
        self._settings = settings
        self._args = args = settings.alerting_args
        self._now = now
        self.event_kinds = settings.kinds
        digests = (each.digest_interval for each in settings.alert_type_config.values())
        self._usual_tick = min(args.report_check_interval, 60.0, *digests)
        self.tick = self._usual_tick
        self._channels = Channels(settings)
        self._rules = Rules(args, settings.alerting_threshold, now())
        self._memory = Memory()
        self._gathered: dict[str, list[Alert]] = {}
        self._gathering_since: dict[str, float] = {}
        self._waiting: deque[tuple[Channel, Alert]] = deque()
        self._rests: dict[str, tuple[float, float]] = {}  # by channel: until when (monotonic), and for how long next
        self.lost = 0
        """Alerts that a channel refused, or that were too many."""

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        for record in records:
            for alert in self._rules.of_call(record):
                self._take(alert)
        for alert in self._rules.reports(self._now()):
            self._take(alert)
        self._send_digests()
        await self._flush()

    async def on_event(self, event: GatewayEvent) -> None:
        about = next((f"{event.fields[name]}" for name in _ABOUT if name in event.fields), "")
        fields = {name: value for name, value in event.fields.items() if name != "ended" and value is not None}
        ends = event.fields.get("ended") is True
        self._take(Alert(event.kind, event.message, event.at, event.level, fields, f"{event.kind}:{about}", ends))
        await self._flush()

    async def check(self) -> None:
        alert = Alert("trial", "This is a trial of the gateway's alerts.", self._now(), "info", key="trial")
        for channel in self._channels.usual:
            await channel.send(alert)

    async def aclose(self) -> None:
        self._send_digests(all_of_them=True)
        self._rests.clear()
        await self._flush()
        if self._waiting:
            log.warning("alerts could not be sent before the end: %d", len(self._waiting))
        await self._channels.aclose()

    # -- what is to be sent --------------------------------------------------------------------------------------

    def _take(self, alert: Alert) -> None:
        if alert.kind not in self._settings.kinds:
            return
        args = self._args
        seconds = args.budget_alert_ttl if alert.kind == "budget_alerts" else args.alert_ttl
        if alert.kind == "outage_alerts":
            seconds = max(seconds, args.outage_alert_ttl)
        if not self._memory.is_new(alert, seconds, self._now()):
            return
        gathering = self._settings.alert_type_config.get(alert.kind)
        if gathering is not None and gathering.digest:
            self._gathering_since.setdefault(alert.kind, self._now())
            listed = self._gathered.setdefault(alert.kind, [])
            if len(listed) < _MOST_WAITING:
                listed.append(alert)
            return
        self._put(alert)

    def _put(self, alert: Alert) -> None:
        if self._args.log_to_console:
            log.warning("alert %s: %s", alert.kind, alert.message)
        for channel in self._channels.of(alert):
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append((channel, alert))

    def _send_digests(self, *, all_of_them: bool = False) -> None:
        for kind, since in list(self._gathering_since.items()):
            interval = self._settings.alert_type_config[kind].digest_interval
            if not all_of_them and self._now() - since < interval:
                continue
            gathered = self._gathered.pop(kind, [])
            del self._gathering_since[kind]
            if gathered:
                self._put(_digest(kind, gathered, self._now()))

    async def _flush(self) -> None:
        """Send what waits. A channel that fails rests for a while, longer each time, and keeps no other waiting."""
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            channel, alert = self._waiting.popleft()
            until, delay = self._rests.get(channel.name, (0.0, _FIRST_REST))
            if until > now:
                self._waiting.append((channel, alert))
                continue
            try:
                await channel.send(alert)
                self._rests.pop(channel.name, None)
            except DeliveryError as error:
                if error.retry:
                    self._rests[channel.name] = (now + max(delay, error.after or 0.0), min(delay * 2, _LONGEST_REST))
                    self._waiting.append((channel, alert))
                else:
                    self.lost += 1
                    log.warning("an alert was refused by %s: %s", channel.name, error)
        soonest = min((until for until, _ in self._rests.values()), default=None) if self._waiting else None
        self.tick = self._usual_tick if soonest is None else min(self._usual_tick, max(soonest - now, 0.01))


def _digest(kind: str, alerts: Sequence[Alert], now: float) -> Alert:
    levels = ("critical", "warning", "info")
    level = next(each for each in levels if any(alert.level == each for alert in alerts))
    shown = {f"{number}": alert.message for number, alert in enumerate(alerts[:20], start=1)}
    more = {"and so many more": len(alerts) - 20} if len(alerts) > 20 else {}
    message = f"{len(alerts)} alerts of this kind."
    return Alert(kind, message, now, level, {**shown, **more}, key=f"{kind}:digest:{now}")  # type: ignore[arg-type]
