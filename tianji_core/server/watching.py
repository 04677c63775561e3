"""`tianji serve --reload`: looks whether the files of the config have changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from tianji_core.config import Loaded

EVERY = 0.5
"""Seconds between two looks. A change counts once two looks have seen the same: half-written files are left alone."""

Mark = tuple[int, int, int] | None


def files_of(loaded: Loaded) -> set[Path]:
    """The config, what it includes, and the `.env` beside it, whether or not that is there."""
    if loaded.path is None:
        return set(loaded.files)
    return {loaded.path, loaded.path.parent / ".env", *loaded.files}


async def watch(files: Callable[[], Iterable[Path]], changed: Callable[[], None], read_at: int | None = None) -> None:
    """Call `changed` after each change of the files, which may be others from one look to the next. Ends by being
    cancelled.

    `read_at` is when they were read, in Unix nanoseconds: what has changed since, while the gateway was starting, is
    a change too.
    """
    known = seen = _marks(files())
    if read_at is not None and any(mark is not None and mark[0] >= read_at for mark in known.values()):
        changed()
    while True:
        await asyncio.sleep(EVERY)
        now = _marks(files())
        known = {path: known.get(path, mark) for path, mark in now.items()}
        if now == seen and now != known:
            known = now
            changed()
        seen = now


def _marks(files: Iterable[Path]) -> dict[Path, Mark]:
    return {path: _mark(path) for path in files}


def _mark(path: Path) -> Mark:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
