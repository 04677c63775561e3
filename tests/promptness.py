"""Bounds in wall-clock time, on machines that have other work too."""

from __future__ import annotations

from collections.abc import Callable


def soonest(measure: Callable[[], float], bound: float, tries: int = 3) -> float:
    """The shortest of up to three measurements, in seconds; the first below `bound` is enough.

    Other work on the machine only ever adds time, and not each time; what the code itself does, it does each time.
    """
    shortest = measure()
    for _ in range(tries - 1):
        if shortest < bound:
            break
        shortest = min(shortest, measure())
    return shortest
