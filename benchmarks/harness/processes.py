"""Starting a server, waiting until it answers, stopping it again."""

import http.client
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from harness.places import LOGS, ROOT, BenchError, shown


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Server:
    """A process of our own, in a session of its own, from spawn to stop. Use it with `with`."""

    def __init__(
        self, name: str, argv: list[str], *, port: int, ready_path: str, env: dict[str, str], patience: float = 90.0
    ) -> None:
        self.name, self.argv, self.port, self.ready_path, self.patience = name, argv, port, ready_path, patience
        self.env = {**os.environ, **env}
        self.log: Path = LOGS / f"{name}.log"
        self.ready_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BenchError(f"{self.name} is not running")
        return self._process.pid

    def __enter__(self) -> "Server":
        if not port_is_free(self.port):
            raise BenchError(f"port {self.port} is taken; who has it: ss -ltnp 'sport = :{self.port}'")
        LOGS.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            began = time.monotonic()
            self._process = subprocess.Popen(
                self.argv,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.env,
                cwd=ROOT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(began)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _wait_until_ready(self, began: float) -> None:
        assert self._process is not None
        while True:
            if self._process.poll() is not None:
                raise BenchError(
                    f"{self.name} ended with status {self._process.returncode} at start: {self.last_words()}"
                )
            if self._answers():
                self.ready_seconds = time.monotonic() - began
                return
            if time.monotonic() - began > self.patience:
                raise BenchError(f"{self.name} was not ready after {self.patience:.0f} s: {self.last_words()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        text = shown([lines[-1].strip()[:200]]) if lines else "it said nothing"
        return f"{text} (log: {self.log.relative_to(ROOT)})"

    def stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            # Our own session only: started above with start_new_session.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
