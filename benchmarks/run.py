"""Side-by-side load runs: Tianji, a bare echo-proxy, Portkey and LiteLLM on one mock upstream.

    python3 benchmarks/run.py                  everything, into benchmarks/RESULTS.md (about 15 minutes)
    python3 benchmarks/run.py --quick          one short round
    python3 benchmarks/run.py --only tianji,echo-proxy --rounds 3
    python3 benchmarks/run.py --soak           only the soak (likewise --load, --import)

Standard library only. What is measured and how to read it: benchmarks/README.md.
"""

import argparse
import json
import shlex
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

from harness.gateways import GATEWAYS, Gateway, chosen
from harness.load import PLAIN, STREAM, WORKLOADS
from harness.mock import check_tools, mock_upstream
from harness.places import BENCH, WORK, BenchError, shown
from harness.report import Results, write
from harness.rounds import Visit, mock_alone, soak, start_up, visit


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Side-by-side load runs of LLM gateways on one mock upstream.")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, default=8, help="length of each load (8)")
    parser.add_argument("--warm-up", type=float, default=2, help="length of the load before it (2)")
    parser.add_argument("--connections", type=int, default=PLAIN.connections, help="at once, plain requests (32)")
    parser.add_argument("--stream-connections", type=int, default=STREAM.connections, help="at once, streams (64)")
    parser.add_argument("--only", default="", help="gateways, comma-separated: " + ", ".join(g.name for g in GATEWAYS))
    parser.add_argument("--workload", choices=[one.name for one in WORKLOADS], help="just one of the two")
    parser.add_argument("--quick", action="store_true", help="one round, 3 s, no soak")
    parser.add_argument("--load", action="store_true", help="just the side-by-side load")
    parser.add_argument("--soak", action="store_true", help="just memory after 5,000 and 50,000 requests")
    parser.add_argument("--import", action="store_true", dest="start_up", help="just import and start-up time")
    parser.add_argument(
        "--no-install", action="store_true", help="take the other gateways as they are, or leave them out"
    )
    parser.add_argument("--output", type=Path, help="default: RESULTS.md for a whole run, else .work/partial.md")
    given = parser.parse_args()
    given.partial = (
        given.quick or bool(given.only) or given.load or given.soak or given.start_up or bool(given.workload)
    )
    if not (given.load or given.soak or given.start_up):
        given.load, given.soak, given.start_up = True, not given.quick, True
    if given.quick:
        given.rounds, given.warm_up = 1, min(given.warm_up, 1)
        given.seconds = min(given.seconds, 3)
    if given.output is None:
        given.output = WORK / "partial.md" if given.partial else BENCH / "RESULTS.md"
    return given


def install(gateways: list[Gateway], results: Results) -> None:
    for gateway in gateways:
        try:
            gateway.install()
        except BenchError as error:
            # Its visits will say that it is missing; here is why.
            complain(results, f"{gateway.name}: {error}")


def complain(results: Results, text: str) -> None:
    print(f"FAILED  {text}", flush=True)
    results.failures.append(text)


def tell(one: Visit) -> None:
    parts = [
        f"{name} {found.cpu_ms:.3f} ms CPU, {found.load.per_second:,.0f}/s, p99 {found.load.p99_ms:.1f} ms"
        for name, found in one.measured.items()
    ]
    if one.ready_seconds is not None and one.rss_after_mb is not None:
        parts.append(f"ready {one.ready_seconds:.2f} s, {one.rss_after_mb:.0f} MB")
    print(f"round {one.round}  {one.gateway:<17} {' · '.join(parts)}", flush=True)
    for failure in one.failures:
        print(f"FAILED  round {one.round}, {one.gateway}: {failure}", flush=True)


def measure(given: argparse.Namespace, results: Results) -> None:
    workloads = results.workloads
    with mock_upstream():
        if given.load:
            results.ceiling = mock_alone(min(given.seconds, 3), workloads)
            absent: set[str] = set()
            for number in range(1, given.rounds + 1):
                for gateway in results.gateways:
                    if gateway.name in absent:
                        continue
                    one = visit(gateway, number, seconds=given.seconds, warm_up=given.warm_up, workloads=workloads)
                    tell(one)
                    results.visits.append(one)
                    if number == 1 and one.ready_seconds is None:
                        # What does not start in the first round will not start in the next either.
                        absent.add(gateway.name)
        if given.start_up:
            try:
                results.start_up = start_up(3 if given.quick else 7)
            except BenchError as error:
                complain(results, f"start-up: {error}")
        if given.soak:
            try:
                results.soak = soak()
            except BenchError as error:
                complain(results, f"soak: {error}")


def main() -> int:
    given = options()
    # Servers are stopped on the way out, also when somebody ends this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    workloads = (
        replace(PLAIN, connections=given.connections),
        replace(STREAM, connections=given.stream_connections),
    )
    try:
        check_tools()
        results = Results(
            command=shlex.join(["python3", "benchmarks/run.py", *sys.argv[1:]]),
            gateways=chosen([name for name in given.only.split(",") if name]),
            workloads=[one for one in workloads if given.workload in (None, one.name)],
            seconds=given.seconds,
            warm_up=given.warm_up,
        )
        WORK.mkdir(exist_ok=True)
        if given.load and not given.no_install:
            install(results.gateways, results)
        measure(given, results)
    except BenchError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    page = write(results)
    given.output.write_text(page)
    (WORK / "visits.json").write_text(json.dumps([asdict(one) for one in results.visits], indent=1))
    print(f"\n{page}\nwritten: {shown([str(given.output.resolve())])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
