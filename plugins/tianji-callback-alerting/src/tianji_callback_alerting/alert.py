"""An alert, and which of them are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should look at. Holds no secret and nothing of what was said."""

    kind: str
    message: str
    at: float
    """Unix seconds."""
    level: Level = "warning"
    fields: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    """Alerts with the same key are about the same thing."""
    ends: bool = False
    """Whether it is over now."""


class Memory:
    """Which alerts have been sent lately."""

    def __init__(self, most: int = 10_000) -> None:
        self._until: dict[str, float] = {}
        self._most = most

    def is_new(self, alert: Alert, seconds: float, now: float) -> bool:
        """Whether to send it; the same again only after so many seconds. The end of something is told once, and only
        if its beginning was."""
        if alert.ends:
            return self._until.pop(alert.key, 0.0) > 0.0
        if now < self._until.get(alert.key, 0.0):
            return False
        if len(self._until) >= self._most:
            self._until = {key: until for key, until in self._until.items() if until > now}
            if len(self._until) >= self._most:
                self._until.clear()
        self._until[alert.key] = now + seconds
        return True
