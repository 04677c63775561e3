"""Several processes of one gateway: their numbers lie in files of one directory, and any of them shows the sum.

prometheus_client decides when it is imported, by the variable PROMETHEUS_MULTIPROC_DIR; `tianji serve` sets it for its
worker processes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_OF_PROCESS = re.compile(r"gauge_live\w+?_(\d+)\.db")


def directory() -> str | None:
    """Where the files are; None if this process counts for itself."""
    return os.environ.get(VARIABLE) or None


def is_shared() -> bool:
    """Whether numbers go into files."""
    return directory() is not None


def make_directory() -> None:
    """Make it, if it is not there. Raises OSError."""
    Path(str(directory())).mkdir(parents=True, exist_ok=True)


def collector() -> MultiProcessCollector:
    """What reads the files of all processes, without the gauges of those that are no more."""
    path = str(directory())
    for pid in _dead(Path(path)):
        mark_process_dead(pid, path)  # type: ignore[no-untyped-call]
    return FilesCollector(None, path)


class FilesCollector(MultiProcessCollector):
    """As its base, but for files that a process has opened this moment and written nothing to: those break it."""

    def __init__(self, registry: Any, path: str) -> None:
        super().__init__(registry, path)  # type: ignore[no-untyped-call]
        self._folder = Path(path)

    def collect(self) -> Any:
        """The metrics of all processes, added up."""
        files = [str(file) for file in self._folder.glob("*.db") if _size(file)]
        return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # gone in this moment
        return 0


def _dead(path: Path) -> set[int]:
    """Processes that have left gauges and do not live."""
    found = set()
    for file in path.glob("gauge_live*.db"):
        named = _OF_PROCESS.fullmatch(file.name)
        if named and not _lives(int(named[1])):
            found.add(int(named[1]))
    return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
