"""The measurements: a visit to one gateway, the soak, start-up and import times."""

import statistics
import subprocess
from dataclasses import dataclass, field

from harness.gateways import OUR_PYTHON, TIANJI, Gateway
from harness.load import PLAIN, Load, Look, Workload, look, run_wrk
from harness.measure import cpu_seconds, machine_load, rss_mb, wait_until_quiet
from harness.places import MOCK_PORT, ROOT, BenchError
from harness.processes import Server


@dataclass(frozen=True)
class Measured:
    load: Load
    cpu_ms: float


@dataclass
class Visit:
    """One gateway in one round: started, looked at, warmed up, loaded, stopped."""

    gateway: str
    round: int
    other_cores_busy: float = 0.0
    ready_seconds: float | None = None
    rss_idle_mb: float | None = None
    rss_after_mb: float | None = None
    looks: dict[str, Look] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def visit(gateway: Gateway, number: int, *, seconds: float, warm_up: float, workloads: list[Workload]) -> Visit:
    result = Visit(gateway.name, number, other_cores_busy=machine_load())
    try:
        with gateway.server() as server:
            wait_until_quiet(server.pid, at_most=5)
            result.ready_seconds, result.rss_idle_mb = server.ready_seconds, rss_mb(server.pid)
            for workload in workloads:
                try:
                    result.looks[workload.name] = look(workload, server.port, gateway.headers)
                    result.measured[workload.name] = _measure(server, gateway.headers, workload, seconds, warm_up)
                except BenchError as error:
                    result.failures.append(f"{workload.title}: {error}")
            result.rss_after_mb = rss_mb(server.pid)
    except BenchError as error:
        result.failures.append(str(error))
    return result


def _measure(server: Server, headers: dict[str, str], workload: Workload, seconds: float, warm_up: float) -> Measured:
    run_wrk(workload, server.port, headers, seconds=warm_up)
    wait_until_quiet(server.pid)
    before = cpu_seconds(server.pid)
    load = run_wrk(workload, server.port, headers, seconds=seconds)
    wait_until_quiet(server.pid)
    return Measured(load, (cpu_seconds(server.pid) - before) * 1e3 / load.completed)


def mock_alone(seconds: float, workloads: list[Workload]) -> dict[str, Load]:
    """What the mock and wrk can do together on their core: the ceiling that no gateway may come near."""
    return {one.name: run_wrk(one, MOCK_PORT, {}, seconds=seconds) for one in workloads}


@dataclass(frozen=True)
class Soak:
    early_requests: int
    early_mb: float
    late_requests: int
    late_mb: float

    @property
    def growth(self) -> float:
        return self.late_mb / self.early_mb


def soak(early: int = 5_000, late: int = 50_000) -> Soak:
    """Memory of Tianji after so many plain requests and after so many more."""
    with TIANJI.server() as server:
        memory = []
        for requests in (early, late - early):
            run_wrk(PLAIN, server.port, TIANJI.headers, seconds=0, requests=requests)
            wait_until_quiet(server.pid)
            memory.append(rss_mb(server.pid))
    return Soak(early, memory[0], late, memory[1])


@dataclass(frozen=True)
class StartUp:
    import_seconds: float
    ready_seconds: float
    rss_idle_mb: float
    times: int


def start_up(times: int = 7) -> StartUp:
    """Median time of `import tianji_core` and of spawn to ready, each in fresh processes with warm file caches."""
    code = "import time; t = time.perf_counter(); import tianji_core; print(time.perf_counter() - t)"
    imports: list[float] = []
    for _ in range(times + 1):
        done = subprocess.run([str(OUR_PYTHON), "-c", code], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise BenchError(f"import tianji_core: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
        imports.append(float(done.stdout))
    ready: list[float] = []
    memory: list[float] = []
    for _ in range(times):
        with TIANJI.server() as server:
            wait_until_quiet(server.pid)
            ready.append(server.ready_seconds)
            memory.append(rss_mb(server.pid))
    # The first import may have written byte code.
    return StartUp(statistics.median(imports[1:]), statistics.median(ready), statistics.median(memory), times)
