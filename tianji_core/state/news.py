"""Who is told what, in one process."""

from __future__ import annotations

from collections.abc import Callable

from tianji_core.state.contract import Subscriber
from tianji_core.telemetry import get_logger

log = get_logger("tianji.state")


class News:
    """Subscribers by channel. What one raises is logged, and the others are told all the same."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[tuple[Subscriber, Callable[[], None] | None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._subscribers)

    def subscribe(self, channel: str, function: Subscriber, on_gap: Callable[[], None] | None) -> Callable[[], None]:
        entry = (function, on_gap)
        self._subscribers.setdefault(channel, []).append(entry)

        def end() -> None:
            entries = self._subscribers.get(channel, [])
            if entry in entries:
                entries.remove(entry)
            if not entries:
                self._subscribers.pop(channel, None)

        return end

    def tell(self, channel: str, message: bytes) -> None:
        for function, _ in tuple(self._subscribers.get(channel, ())):
            try:
                function(message)
            except Exception as error:  # one subscriber's defect is not the others'
                log.exception("a subscriber failed", channel=channel, error=repr(error))

    def gap(self) -> None:
        """Messages may have been missed."""
        for entries in tuple(self._subscribers.values()):
            for _, on_gap in tuple(entries):
                if on_gap is None:
                    continue
                try:
                    on_gap()
                except Exception as error:
                    log.exception("a subscriber failed", error=repr(error))
