"""CPU time and memory of a process and all its descendants, read from /proc."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from `state` on (the command name before it may hold anything)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root: int) -> Iterator[int]:
    """The process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    queue = [root]
    while queue:
        pid = queue.pop()
        yield pid
        queue += children.get(pid, [])


def cpu_seconds(root: int) -> float:
    """User and system time used so far, that of ended and awaited children included."""
    ticks = 0
    for pid in tree(root):
        if fields := _stat(pid):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def rss_mb(root: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    pages = 0
    for pid in tree(root):
        if fields := _stat(pid):
            pages += int(fields[21])
    return pages * PAGE / 1e6


def wait_until_quiet(root: int, at_most: float = 3.0) -> None:
    """Wait for the work that goes on after the last answer (logging, callbacks): it belongs to the requests too."""
    deadline = time.monotonic() + at_most
    before = cpu_seconds(root)
    while time.monotonic() < deadline:
        time.sleep(0.25)
        after = cpu_seconds(root)
        if after - before <= 0.01:
            return
        before = after


def machine_load() -> float:
    """How many cores the machine used over half a second, with none of ours running."""

    def busy() -> int:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields) - fields[3] - fields[4]

    before = busy()
    time.sleep(0.5)
    return (busy() - before) / TICKS / 0.5
