"""Load by wrk, and a short look at one answer before it."""

import http.client
import json
import statistics
import subprocess
import time
from dataclasses import dataclass

from harness.places import LOAD_CORE, ROOT, BenchError, pinned

CHUNKS = 60


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    connections: int
    # What each good answer ends with.
    ending: str

    @property
    def body(self) -> str:
        return f"benchmarks/load/{self.name}.json"


PLAIN = Workload("plain", "plain request", 32, "}")
STREAM = Workload("stream", f"stream of {CHUNKS} chunks", 64, "[DONE]")
WORKLOADS = (PLAIN, STREAM)


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    completed: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.completed / self.seconds


def wrk_command(
    workload: Workload, port: int, headers: dict[str, str], *, seconds: float, requests: int = 0
) -> list[str]:
    # -d is only a limit: chat.lua ends the run once no request is in flight.
    argv = ["wrk", "-t1", f"-c{workload.connections}", f"-d{int(seconds) + 180}s", "--timeout", "170s", "--latency"]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"]
    argv += ["-s", "benchmarks/load/chat.lua", f"http://127.0.0.1:{port}/v1/chat/completions"]
    argv += ["--", workload.body, f"{seconds:g}", str(requests), workload.ending]
    return pinned(LOAD_CORE, argv)


def run_wrk(workload: Workload, port: int, headers: dict[str, str], *, seconds: float, requests: int = 0) -> Load:
    """Load for so many seconds, or so many requests if given. Anything but good answers is an error."""
    argv = wrk_command(workload, port, headers, seconds=seconds, requests=requests)
    output = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    line = next((line for line in output.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise BenchError(f"wrk failed: {(output.stderr or output.stdout).strip()[-300:]}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["bad"]:
        raise BenchError(f"{result['bad']} of {result['completed']} answers were bad, such as: {result['sample']}")
    if result["socket_errors"] or result["timeouts"]:
        raise BenchError(f"{result['socket_errors']} socket errors, {result['timeouts']} time-outs")
    if result["completed"] == 0 or result["completed"] != result["started"]:
        raise BenchError(f"{result['started']} requests were started, {result['completed']} completed")
    return Load(
        result["completed"], result["seconds"], result["p50_us"] / 1e3, result["p95_us"] / 1e3, result["p99_us"] / 1e3
    )


@dataclass(frozen=True)
class Look:
    """One answer on an idle gateway: when its first and last byte came, and in how many HTTP chunks."""

    first_ms: float
    total_ms: float
    pieces: int


def look(workload: Workload, port: int, headers: dict[str, str], times: int = 5) -> Look:
    """Check that the gateway gives the upstream's answer; the median of a few."""
    one_look = _look_at_stream if workload.name == STREAM.name else _look_at_plain
    looks = [one_look(port, headers) for _ in range(times)]
    return Look(
        statistics.median(one.first_ms for one in looks),
        statistics.median(one.total_ms for one in looks),
        int(statistics.median(one.pieces for one in looks)),
    )


def _look_at_plain(port: int, headers: dict[str, str]) -> Look:
    began, answer = _post(PLAIN, port, headers)
    text = json.loads(b"".join(piece for _, piece in answer))["choices"][0]["message"]["content"]
    if not text.startswith("The stars are so far away"):
        raise BenchError(f"the plain answer is not the upstream's: {text[:80]!r}")
    return Look((answer[0][0] - began) * 1e3, (answer[-1][0] - began) * 1e3, len(answer))


def _look_at_stream(port: int, headers: dict[str, str]) -> Look:
    began, answer = _post(STREAM, port, headers)
    events = [event for event in b"".join(piece for _, piece in answer).split(b"\n\n") if event.strip()]
    data = [event.removeprefix(b"data: ") for event in events if event.startswith(b"data: ")]
    if not data or data[-1].strip() != b"[DONE]":
        raise BenchError("the stream does not end with [DONE]")
    chunks = [json.loads(event) for event in data[:-1]]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    if text.split() != [f"word{i}" for i in range(2, CHUNKS)]:
        raise BenchError(f"the stream's text is not the upstream's: {text[:80]!r}")
    return Look((answer[0][0] - began) * 1e3, (answer[-1][0] - began) * 1e3, len(answer))


def _post(workload: Workload, port: int, headers: dict[str, str]) -> tuple[float, list[tuple[float, bytes]]]:
    """When the request went out, and each piece of the answer with the moment it came."""
    body = (ROOT / workload.body).read_bytes()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        began = time.monotonic()
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        pieces: list[tuple[float, bytes]] = []
        while piece := response.read1(65536):
            pieces.append((time.monotonic(), piece))
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"no answer to a {workload.title}: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200 or not pieces:
        text = b"".join(piece for _, piece in pieces)[:300].decode(errors="replace")
        raise BenchError(f"a {workload.title} is answered {response.status}: {text}")
    return began, pieces
