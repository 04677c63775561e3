"""The results as Markdown."""

import os
import platform
import re
import shlex
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.gateways import ECHO, LITELLM, TIANJI, TIANJI_GUARDED, TIANJI_HYPERCORN, Gateway
from harness.load import PLAIN, STREAM, Load, Workload, wrk_command
from harness.places import GATEWAY_PORT, ROOT, UPSTREAM, pinned, shown
from harness.rounds import Soak, StartUp, Visit


@dataclass
class Results:
    """All that one run of run.py found out."""

    command: str
    gateways: list[Gateway]
    workloads: list[Workload]
    seconds: float
    warm_up: float
    visits: list[Visit] = field(default_factory=list)
    ceiling: dict[str, Load] = field(default_factory=dict)
    soak: Soak | None = None
    start_up: StartUp | None = None
    failures: list[str] = field(default_factory=list)

    def of(self, gateway: Gateway) -> list[Visit]:
        return [visit for visit in self.visits if visit.gateway == gateway.name]

    @property
    def rounds(self) -> int:
        return max((visit.round for visit in self.visits), default=0)

    def median(self, gateway: Gateway, value: Callable[[Visit], float | None]) -> float | None:
        found = [number for visit in self.of(gateway) if (number := value(visit)) is not None]
        return statistics.median(found) if found else None

    def ratios(self, workload: Workload, over: Gateway, under: Gateway) -> list[float]:
        """CPU time per request of one gateway over that of another, round by round."""
        below = {visit.round: visit.measured for visit in self.of(under)}
        return [
            visit.measured[workload.name].cpu_ms / below[visit.round][workload.name].cpu_ms
            for visit in self.of(over)
            if workload.name in visit.measured and workload.name in below.get(visit.round, {})
        ]


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def number(value: float | None, unit: str = "") -> str:
    """Three significant digits, no exponent."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{unit}"


def spread(values: list[float]) -> str:
    if not values:
        return "–"
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def write(results: Results) -> str:
    """The whole page."""
    lines = ["# Benchmark results", ""]
    lines += [
        f"Made by `{results.command}`; how it measures: [README.md](README.md). "
        f"Machine: {os.cpu_count()}-core VM ({_cpu_model()}), Linux {platform.release().split('-')[0]}.",
        "",
    ]
    if results.visits:
        lines += _load_note(results)
        for workload in results.workloads:
            lines += _workload(results, workload)
        lines += _processes(results)
    lines += _own(results)
    lines += _bars(results)
    lines += _failures(results)
    lines += _versions(results)
    lines += _commands(results)
    return "\n".join(lines).rstrip() + "\n"


def _load_note(results: Results) -> list[str]:
    busy = [visit.other_cores_busy for visit in results.visits]
    rounds = f"{results.rounds} interleaved rounds" if results.rounds > 1 else "One round"
    note = (
        f"{rounds}; {results.seconds:g} s a workload after {results.warm_up:g} s of warm-up; medians over the rounds. "
        "One worker each, on a core of its own; the mock upstream and wrk on the other. CPU time is user and system "
        'time of the gateway\'s process tree by requests completed, "core busy" the same by time passed; ratios are '
        "of CPU time, taken within each round: median (lowest to highest). "
        f"Other work on the machine before a visit: median {statistics.median(busy):.2f} cores, "
        f"at most {max(busy):.2f}."
    )
    if statistics.median(busy) > 0.15:
        note += " **The machine was not quiet: do not trust rates and latencies of this run.**"
    return [note, ""]


def _workload(results: Results, workload: Workload) -> list[str]:
    title = workload.title[0].upper() + workload.title[1:]
    lines = [f"## {title}, {workload.connections} connections", ""]
    header = [
        "gateway",
        "CPU ms each",
        "core busy",
        "CPU ÷ echo-proxy",
        "LiteLLM's CPU ÷ it",
        "per second",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "good rounds",
    ]
    rows = []
    for gateway in results.gateways:
        found = [visit.measured[workload.name] for visit in results.of(gateway) if workload.name in visit.measured]
        if not found:
            rows.append([gateway.title, *["–"] * 8, f"0 of {len(results.of(gateway))}"])
            continue
        rows.append(
            [
                gateway.title,
                f"{statistics.median(one.cpu_ms for one in found):,.3f}",
                f"{statistics.median(one.cpu_ms * one.load.per_second for one in found) / 10:.0f} %",
                spread(results.ratios(workload, gateway, ECHO)),
                spread(results.ratios(workload, LITELLM, gateway)),
                *(
                    number(statistics.median(values))
                    for values in (
                        [one.load.per_second for one in found],
                        [one.load.p50_ms for one in found],
                        [one.load.p95_ms for one in found],
                        [one.load.p99_ms for one in found],
                    )
                ),
                f"{len(found)} of {len(results.of(gateway))}",
            ]
        )
    if load := results.ceiling.get(workload.name):
        rates = [number(value) for value in (load.per_second, load.p50_ms, load.p95_ms, load.p99_ms)]
        rows.append(["(mock upstream alone)", "–", "–", "–", "–", *rates, "–"])
    return [*lines, *table(header, rows)]


def _processes(results: Results) -> list[str]:
    rows = []
    for gateway in results.gateways:
        looks = [visit.looks[STREAM.name] for visit in results.of(gateway) if STREAM.name in visit.looks]
        plain = [visit.looks[PLAIN.name].total_ms for visit in results.of(gateway) if PLAIN.name in visit.looks]
        rows.append(
            [
                gateway.title,
                number(results.median(gateway, lambda visit: visit.ready_seconds)),
                number(results.median(gateway, lambda visit: visit.rss_idle_mb)),
                number(results.median(gateway, lambda visit: visit.rss_after_mb)),
                number(statistics.median(plain)) if plain else "–",
                number(statistics.median(one.first_ms for one in looks)) if looks else "–",
                number(statistics.median(one.total_ms for one in looks)) if looks else "–",
                str(int(statistics.median(one.pieces for one in looks))) if looks else "–",
            ]
        )
    header = [
        "gateway",
        "ready after s",
        "RSS idle MB",
        "RSS after load MB",
        "plain, idle: ms",
        "stream, idle: first byte ms",
        "last byte ms",
        "HTTP chunks",
    ]
    return ["## Process, and single requests on the idle gateway", "", *table(header, rows)]


def _own(results: Results) -> list[str]:
    rows = []
    if one := results.start_up:
        rows.append([f"`import tianji_core`, median of {one.times}", number(one.import_seconds, " s")])
        rows.append([f"spawn to ready, median of {one.times}", number(one.ready_seconds, " s")])
        rows.append([f"RSS idle, median of {one.times}", number(one.rss_idle_mb, " MB")])
    if soak := results.soak:
        rows.append([f"RSS after {soak.early_requests:,} requests", number(soak.early_mb, " MB")])
        rows.append([f"RSS after {soak.late_requests:,} requests", number(soak.late_mb, " MB")])
    return ["## Tianji alone, `--server auto`", "", *table(["what", "value"], rows)] if rows else []


def _bars(results: Results) -> list[str]:
    """What the project has set itself, beside what was measured."""

    def ratio(workload: Workload, over: Gateway, under: Gateway) -> float | None:
        found = results.ratios(workload, over, under)
        return statistics.median(found) if found else None

    start, soak = results.start_up, results.soak
    ready = start.ready_seconds if start else results.median(TIANJI, lambda visit: visit.ready_seconds)
    idle = start.rss_idle_mb if start else results.median(TIANJI, lambda visit: visit.rss_idle_mb)
    bars: list[tuple[str, str, float, float | None]] = [
        ("plain, CPU ÷ echo-proxy", "≤", 0.7, ratio(PLAIN, TIANJI, ECHO)),
        ("plain, LiteLLM's CPU ÷ ours", "≥", 40, ratio(PLAIN, LITELLM, TIANJI)),
        ("stream, CPU ÷ echo-proxy", "≤", 0.85, ratio(STREAM, TIANJI, ECHO)),
        ("stream, LiteLLM's CPU ÷ ours", "≥", 40, ratio(STREAM, LITELLM, TIANJI)),
        ("hypercorn: plain, CPU ÷ echo-proxy", "≤", 1.4, ratio(PLAIN, TIANJI_HYPERCORN, ECHO)),
        ("hypercorn: stream, CPU ÷ echo-proxy", "≤", 1.3, ratio(STREAM, TIANJI_HYPERCORN, ECHO)),
        ("guardrails on: plain, CPU ÷ without", "≤", 1.17, ratio(PLAIN, TIANJI_GUARDED, TIANJI)),
        ("ready, s", "≤", 1.5, ready),
        ("RSS idle, MB", "≤", 90, idle),
        ("`import tianji_core`, s", "≤", 0.15, start.import_seconds if start else None),
        ("RSS after 50,000 ÷ after 5,000 requests", "≤", 1.1, soak.growth if soak else None),
    ]
    rows = []
    for what, sign, bar, value in bars:
        met = value is not None and (value <= bar if sign == "≤" else value >= bar)
        verdict = "not measured" if value is None else "met" if met else "**missed**"
        rows.append([what, f"{sign} {bar:g}", number(value), verdict])
    return ["## The bars", "", *table(["what", "bar", "measured", "verdict"], rows)]


def _failures(results: Results) -> list[str]:
    lines = [f"- {failure}" for failure in results.failures]
    for visit in results.visits:
        lines += [f"- round {visit.round}, {visit.gateway}: {failure}" for failure in visit.failures]
    return ["## Failed", "", *lines, ""] if lines else []


def _versions(results: Results) -> list[str]:
    rows = [[gateway.title, gateway.versions()] for gateway in results.gateways if _took_part(results, gateway)]
    rows.append(["mock upstream", f"nginx {_first_version(['nginx', '-v'])} with lua"])
    rows.append(["load generator", f"wrk {_first_version(['wrk', '-v'])}"])
    return ["## Versions", "", *table(["what", "versions"], rows)]


def _took_part(results: Results, gateway: Gateway) -> bool:
    return gateway.program.exists() and bool(results.of(gateway) or results.soak or results.start_up)


def _commands(results: Results) -> list[str]:
    lines = ["## Commands", "", "Run from the project's root, each gateway alone:", "", "```"]
    lines += [f"export BENCH_UPSTREAM={UPSTREAM} BENCH_MASTER_KEY=…", ""]
    lines.append(shown(pinned(1, ["nginx", "-p", str(ROOT / "benchmarks/.work/nginx"), "-c", "nginx.conf"])))
    for gateway in results.gateways:
        lines += ["", f"# {gateway.title}"]
        lines.append(
            " ".join([*(f"{key}={value}" for key, value in gateway.env.items()), shown(pinned(0, gateway.argv))])
        )
    for workload in results.workloads:
        argv = wrk_command(workload, GATEWAY_PORT, {"Authorization": "Bearer …"}, seconds=results.seconds)
        lines += ["", f"# {workload.title}", shown([shlex.join(argv)])]
    lines += ["```"]
    return lines


def _cpu_model() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _first_version(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True)
    except OSError:
        return "unknown"
    match = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return match[0] if match else "unknown"
