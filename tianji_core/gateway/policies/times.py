"""Parts of the week, by the clock of a time zone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

WHOLE_DAY = 24 * 60


class Window:
    """From `start` to `end` (minutes since midnight) on the days on which it starts; one that ends before it starts
    goes on into the next day. The clock is the wall's: an hour that a change of clocks skips or repeats counts as the
    wall shows it.
    """

    def __init__(self, days: Collection[int], start: int, end: int, zone: str) -> None:
        """`days` are numbers, Monday 0. Raises ZoneInfoNotFoundError, ValueError for a zone that does not exist."""
        self.days = frozenset(days)
        self.start, self.end = start, end
        self.zone = ZoneInfo(zone)
        self._seen: tuple[int, bool] = (-1, False)

    def holds(self, now: float) -> bool:
        """Whether a time, in Unix seconds, is in it; worked out once a minute."""
        minute = int(now // 60)
        if self._seen[0] != minute:
            self._seen = (minute, self._holds(datetime.fromtimestamp(minute * 60, self.zone)))
        return self._seen[1]

    def _holds(self, at: datetime) -> bool:
        minute = at.hour * 60 + at.minute
        today = at.weekday() in self.days
        if self.start < self.end:
            return today and self.start <= minute < self.end
        yesterday = (at - timedelta(days=1)).weekday() in self.days
        return (today and minute >= self.start) or (yesterday and minute < self.end)

    def __str__(self) -> str:
        def clock(minute: int) -> str:
            return f"{minute // 60:02}:{minute % 60:02}"

        days = ",".join(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day] for day in sorted(self.days))
        return f"{days} {clock(self.start)}-{clock(self.end)} {self.zone.key}"
