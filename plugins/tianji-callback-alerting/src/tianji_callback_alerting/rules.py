"""What finished calls give reason to tell: failures, slowness, outages; and what the reports say."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tianji_callback_alerting.alert import Alert
from tianji_callback_alerting.settings import AlertingArgs
from tianji_core.api.callback import CallRecord

_MOST_WINDOWS = 10_000
_CLIENTS = frozenset({400, 404, 413, 422, 499})
"""Statuses that are the caller's doing."""


@dataclass(slots=True)
class _Window:
    """The calls of one model lately, as (Unix seconds, the kind of error or None)."""

    calls: deque[tuple[float, str | None]] = field(default_factory=lambda: deque(maxlen=10_000))

    def add(self, at: float, error: str | None, seconds: float) -> None:
        self.calls.append((at, error))
        while self.calls and self.calls[0][0] < at - seconds:
            self.calls.popleft()


@dataclass(slots=True)
class Tally:
    """What a report tells of."""

    since: float
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    cost: Counter[str] = field(default_factory=Counter)

    def add(self, record: CallRecord) -> None:
        name = record.model_group if record.model_group is not None and record.deployment_id is not None else "other"
        if len(self.calls) >= _MOST_WINDOWS and name not in self.calls:
            name = "other"
        self.calls[name] += 1
        self.seconds[name] += record.duration  # type: ignore[assignment]  # a Counter of seconds
        if record.error is not None:
            self.failures[name] += 1
        if record.cost:
            self.cost[name] += record.cost  # type: ignore[assignment]  # and of dollars


class Rules:
    """Looks at calls. Keeps what it has seen in memory, of this process."""

    def __init__(self, args: AlertingArgs, threshold: float, now: float) -> None:
        self._args = args
        self._threshold = threshold
        self._windows: dict[str, _Window] = {}
        self.daily, self.weekly = Tally(now), Tally(now)

    def of_call(self, record: CallRecord) -> Iterator[Alert]:
        """The alerts that a finished call gives reason to."""
        self.daily.add(record)
        self.weekly.add(record)
        group = record.model_group or record.model
        about = {
            "model_group": group,
            "provider": record.provider,
            "deployment_id": record.deployment_id,
            "call_id": record.id,
            "key_alias": record.principal.key_alias,
        }
        about = {name: value for name, value in about.items() if value is not None}
        error = record.error
        blames = error is not None and error.status not in _CLIENTS
        if error is not None and blames:
            yield Alert(
                "llm_exceptions",
                f"A call of {group} failed: {error.kind} ({error.status}).",
                record.ended_at,
                fields={**about, "error": error.kind, "status": error.status},
                key=f"llm_exceptions:{group}:{error.kind}",
            )
        if record.duration > self._threshold:
            yield Alert(
                "llm_too_slow",
                f"A call of {group} took {record.duration:.1f} s.",
                record.ended_at,
                fields={**about, "seconds": round(record.duration, 1)},
                key=f"llm_too_slow:{group}",
            )
        if record.deployment_id is not None and (error is None or blames):
            yield from self._outage(record, group, None if error is None else error.kind)

    def _outage(self, record: CallRecord, group: str, error: str | None) -> Iterator[Alert]:
        args = self._args
        window = self._windows.get(group)
        if window is None:
            if len(self._windows) >= _MOST_WINDOWS:
                self._windows.clear()
            window = self._windows[group] = _Window()
        window.add(record.ended_at, error, args.outage_alert_ttl)
        if error is None:
            return
        errors = Counter(kind for _, kind in window.calls if kind is not None)
        failed, calls = errors.total(), len(window.calls)
        many = calls >= args.error_rate_alert_calls and failed / calls >= args.error_rate_alert_threshold
        major = failed >= args.major_outage_alert_threshold
        if not major and not many and failed < args.minor_outage_alert_threshold:
            return
        size = "Major" if major else "Minor"
        yield Alert(
            "outage_alerts",
            f"{size} outage of {group}: {failed} of {calls} calls failed within {args.outage_alert_ttl:g} s.",
            record.ended_at,
            "critical" if major else "warning",
            {
                "model_group": group,
                "provider": record.provider,
                "errors": dict(errors.most_common(args.max_outage_alert_list_size)),
                "failed": failed,
                "calls": calls,
            },
            key=f"outage_alerts:{group}:{size}",
        )

    def reports(self, now: float) -> Iterator[Alert]:
        """The reports that are due."""
        if now - self.daily.since >= self._args.daily_report_frequency:
            yield _daily(self.daily, now)
            self.daily = Tally(now)
        if now - self.weekly.since >= self._args.weekly_report_frequency:
            yield _weekly(self.weekly, now)
            self.weekly = Tally(now)


def _daily(tally: Tally, now: float) -> Alert:
    slowest = sorted(tally.calls, key=lambda name: -tally.seconds[name] / tally.calls[name])[:5]
    fields = {
        "calls": tally.calls.total(),
        "failures": tally.failures.total(),
        "failures_by_model": dict(tally.failures.most_common(5)),
        "slowest_models": {name: f"{tally.seconds[name] / tally.calls[name]:.2f} s" for name in slowest},
    }
    message = f"{fields['calls']} calls, {fields['failures']} failed, since the last report."
    return Alert("daily_reports", message, now, "info", fields, key=f"daily_reports:{now}")


def _weekly(tally: Tally, now: float) -> Alert:
    total = sum(tally.cost.values())
    fields = {
        "dollars": total,
        "calls": tally.calls.total(),
        "dollars_by_model": {name: round(float(cost), 6) for name, cost in tally.cost.most_common(10)},
    }
    return Alert(
        "spend_reports", f"Calls have cost {total:.2f} dollars since the last report.", now, "info", fields,
        key=f"spend_reports:{now}",
    )  # fmt: skip
