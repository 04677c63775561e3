"""Where things are, and the few values that every part shares."""

import os
import shutil
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
WORK = BENCH / ".work"
LOGS = WORK / "logs"

MOCK_PORT = 18991
GATEWAY_PORT = 18992
UPSTREAM = f"http://127.0.0.1:{MOCK_PORT}/v1"
# Bound to the loopback of a machine under test; long, because a weak key makes gateways warn or refuse.
MASTER_KEY = "sk-bench-5f1c0d7e9a3b4862b7c4"

# The gateway has one core for itself; the mock and wrk share the other.
GATEWAY_CORE, LOAD_CORE = 0, 1


class BenchError(Exception):
    """Something a person can put right; shown without a traceback."""


def pinned(core: int, argv: list[str]) -> list[str]:
    """The command, bound to one core; as it is where there is only one or no `taskset`."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return argv
    return ["taskset", "-c", str(core), *argv]


def shown(argv: list[str]) -> str:
    """A command as it is printed: paths relative to the project."""
    return " ".join(argv).replace(f"{ROOT}/", "")
