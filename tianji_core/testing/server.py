"""A real `tianji serve` in a process of its own, for tests that need one."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_FIRST_PORT, _PORTS = 20_000, 12_000
_ports = itertools.count(os.getpid() * 997)

COMMAND = (sys.executable, "-c", "import sys; from tianji_core.cli import main; sys.exit(main())")


class ServerProcess:
    """Starts, waits until the gateway says it is ready, stops. `process` is the running `subprocess.Popen`."""

    def __init__(
        self,
        config: Mapping[str, Any] | str | Path,
        folder: Path,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(config, Mapping):
            self.config = folder / "config.yaml"
            self.config.write_text(json.dumps(config, indent=1))  # JSON is YAML
        else:
            self.config = Path(config)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._args = args
        self._env = env or {}
        self._log = folder / "server.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout: float = 20.0) -> Self:
        """Start it. Raises RuntimeError, with the log, if it ends or is not ready in time."""
        command = [*COMMAND, "serve", "--config", str(self.config), "--host", "127.0.0.1", "--port", str(self.port)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, *self._args], stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **self._env}
            )
        deadline = time.monotonic() + timeout
        while not self.ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"tianji serve ended with status {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"tianji serve is not ready after {timeout} s:\n{self.log()}")
            time.sleep(0.03)
        return self

    def ready(self) -> bool:
        """Whether `/health/readiness` answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health/readiness")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self, timeout: float = 10.0) -> int | None:
        """Ask it to end (SIGTERM), make it end if it does not, and return its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now, for a server that is yet to start.

    It is below those that systems give to whoever binds port 0, and each process begins its search elsewhere: until
    the server listens, nobody else may come to have its port.
    """
    for number in _ports:
        port = _FIRST_PORT + number % _PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("itertools.count ends")
