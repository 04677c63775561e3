"""Stop sequences for vendors that have none: the text is cut where the model would have stopped."""

from __future__ import annotations

from typing import Any


def stops_of(stop: Any) -> tuple[str, ...]:
    """The sequences of a chat request's `stop`, which is a text or a list."""
    given = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return tuple(each for each in given if isinstance(each, str) and each)


class StopCutter:
    """Lets a text pass, however it is cut, up to the first of the sequences, which is taken out with all after it."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """What of the text so far is sure to stay."""
        if not self._stops or self.stopped:
            return "" if self.stopped else text
        held = self._held + text
        ends = [at for stop in self._stops if (at := held.find(stop)) >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return held[: min(ends)]
        keep = max(_overlap(held, stop) for stop in self._stops)
        cut = len(held) - keep
        self._held = held[cut:]
        return held[:cut]

    def finish(self) -> str:
        """What was held back in case a sequence would come of it."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text may be the beginning of the sequence."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
