"""Hours in which a model costs less, by its vendor's price list (`off_peak_pricing`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from tianji_core.accounting.prices.table import Price

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}


_LIKE = {
    "cache_read": ("cache_read_input_token_cost", "input"),
    "cache_write": ("cache_creation_input_token_cost", "input"),
    "audio_in": ("input_cost_per_audio_token", "input"),
    "image_in": ("input_cost_per_image_token", "input"),
    "video_in": ("input_cost_per_video_token", "input"),
    "reasoning": ("output_cost_per_reasoning_token", "output"),
    "audio_out": ("output_cost_per_audio_token", "output"),
    "image_out": ("output_cost_per_image_token", "output"),
    "video_out": ("output_cost_per_video_token", "output"),
}


class Window(NamedTuple):
    """Minutes of the day in UTC, the end not among them, which may be past midnight; on these days, 1 is Monday."""

    begin: int
    end: int
    days: frozenset[int] | None

    def holds(self, minute: int, day: int) -> bool:
        """Whether a minute of a day is in it."""
        if self.days is not None and day not in self.days:
            return False
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


class OffPeak(NamedTuple):
    """Windows, the calendar that their days are of, and the rates that hold in them by the names of `TokenRates`."""

    windows: tuple[Window, ...]
    calendar: tzinfo
    rates: Mapping[str, int]

    def holds(self, at: float) -> bool:
        """Whether a time, in Unix seconds, is off-peak."""
        now = datetime.fromtimestamp(at, UTC)
        minute, day = now.hour * 60 + now.minute, now.astimezone(self.calendar).isoweekday()
        return any(window.holds(minute, day) for window in self.windows)


def off_peak_of(price: Price, rate: Callable[[Any], int | None]) -> OffPeak | None:
    """The off-peak hours of a model, None if it has none; `rate` makes rates of prices."""
    said = price.get("off_peak_pricing")
    if not isinstance(said, Mapping):
        return None
    windows = list(_windows(said.get("hours_utc"), None))
    for each in said.get("windows") or ():
        if isinstance(each, Mapping):
            days = _days(each.get("weekdays")) if each.get("weekdays") is not None else None
            windows += _windows(each.get("hours_utc"), days)
    rates = {name: found for name, key in _KEYS.items() if (found := rate(said.get(key))) is not None}
    for name, (key, like) in _LIKE.items():
        if like in rates and price.get(key) is None:  # what has no price of its own costs what the other does
            rates.setdefault(name, rates[like])
    return OffPeak(tuple(windows), _calendar(said.get("weekday_timezone")), rates) if windows and rates else None


def _windows(hours: Any, days: frozenset[int] | None) -> list[Window]:
    found = []
    for text in [hours] if isinstance(hours, str) else hours if isinstance(hours, list) else []:
        begin, dash, end = text.partition("-") if isinstance(text, str) else ("", "", "")
        minutes = _minute(begin), _minute(end)
        if dash and minutes[0] is not None and minutes[1] is not None:
            found.append(Window(minutes[0], minutes[1], days))
    return found


def _minute(text: str) -> int | None:
    hour, colon, minute = text.strip().partition(":")
    if not (colon and hour.isdigit() and minute.isdigit()) or int(hour) > 23 or int(minute) > 59:
        return None
    return int(hour) * 60 + int(minute)


def _days(days: Any) -> frozenset[int]:
    found = set()
    for day in days if isinstance(days, list) else ():
        if isinstance(day, str) and day.strip().lower()[:3] in _DAYS:
            found.add(_DAYS.index(day.strip().lower()[:3]) + 1)
        elif type(day) is int and 1 <= day <= 7:
            found.add(day)
    return frozenset(found)


def _calendar(name: Any) -> tzinfo:
    if not isinstance(name, str) or not name.strip():
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # not worth its loading for the many that need it not

    try:
        return ZoneInfo(name.strip())
    except (ValueError, ZoneInfoNotFoundError, OSError):
        return UTC
