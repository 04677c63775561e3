"""CPU time that routing adds to a request: 1,000 deployments in 200 groups against one deployment, by strategy.

    python benchmarks/routing_micro.py [--requests 3000] [--rounds 7] [--concurrency 16] [--only STRATEGY]

Three gateways (`tianji serve`, one worker each) run at once and are asked in turns, round by round: one with a single
row, one with 200 models of one row each, one with 200 models of five. Ratios are taken within a round, so a slow minute
of the machine falls on all. The vendor is a tiny server in a further process that answers from a prepared byte string.
CPU time is that of the gateway's process, from `/proc`.

"routing" is what is done to choose among five, from the name to the statistics of the answer, less the same for a
single row; "pick" the strategy's part of it. What a request costs beyond that is memory: the rows of many models do not
stay in the processor's caches, those of one do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import timeit
from collections.abc import Awaitable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tianji_core.gateway import Gateway
from tianji_core.testing.openai_samples import RESPONSES
from tianji_core.testing.server import ServerProcess
from tianji_core.testing.standard import SampleCall

STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "cost-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
)
ARGUMENTS = {"latency-based-routing": {"lowest_latency_buffer": 0.5}}
GROUPS, ROWS = 200, 5
SHAPES = ((1, 1), (GROUPS, 1), (GROUPS, ROWS))
"""Groups, and rows in each."""
ANSWER = json.dumps(RESPONSES["chat"]).encode()
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
LENGTH = b"content-length: "


class Vendor(asyncio.Protocol):
    """Answers each request without reading more of it than where it ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, blank, body = self.seen.partition(b"\r\n\r\n")
        if not blank:
            return
        at = head.lower().index(LENGTH) + len(LENGTH)
        if len(body) >= int(head[at:].partition(b"\r\n")[0]):
            self.seen = b""
            self.transport.write(REPLY)  # type: ignore[attr-defined]


def serve(pipe: Pipe) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    run(main())


def run(main: Awaitable[Any]) -> Any:
    factory = None
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        pass
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)  # type: ignore[arg-type]


def config(port: int, strategy: str, groups: int, rows: int) -> dict[str, Any]:
    """So many groups of so many rows, with every number that a strategy may go by."""
    listed = [
        {
            "model_name": f"m-{group}",
            "litellm_params": {
                "model": f"openai_compatible/up-{group}-{row}",
                "api_base": f"http://127.0.0.1:{port}",
                "api_key": "sk-0123456789abcdef",
                "weight": row + 1,
                "rpm": 10**9,
                "tpm": 10**12,
                "input_cost_per_token": 1e-6,
                "output_cost_per_token": 2e-6,
            },
        }
        for group in range(groups)
        for row in range(rows)
    ]
    router = {"routing_strategy": strategy, "routing_strategy_args": ARGUMENTS.get(strategy, {})}
    return {"model_list": listed, "router_settings": router}


class Connection(asyncio.Protocol):
    """A client's kept-alive connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""
        self.done: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, blank, body = self.seen.partition(b"\r\n\r\n")
        if blank and self.done is not None:
            at = head.lower().index(LENGTH) + len(LENGTH)
            if len(body) >= int(head[at:].partition(b"\r\n")[0]):
                assert head.startswith(b"HTTP/1.1 200"), self.seen
                self.seen = b""
                self.done.set_result(None)


class Load:
    """Asks one gateway for its groups in turn."""

    def __init__(self, server: ServerProcess, groups: int) -> None:
        assert server.process is not None
        self._tasks = Path(f"/proc/{server.process.pid}/task")
        self._port = server.port
        self._idle: list[Connection] = []
        self._next = 0
        self._requests = []
        for group in range(groups):
            body = json.dumps({"model": f"m-{group}", "messages": [{"role": "user", "content": "hello " * 40}]})
            head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            self._requests.append(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())

    async def measure(self, requests: int, concurrency: int) -> float:
        """µs of CPU for each request."""
        loop, left = asyncio.get_running_loop(), requests
        while len(self._idle) < concurrency:
            self._idle.append((await loop.create_connection(Connection, "127.0.0.1", self._port))[1])

        async def worker(connection: Connection) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                self._next += 1
                connection.done = loop.create_future()
                connection.transport.write(self._requests[self._next % len(self._requests)])  # type: ignore[attr-defined]
                await connection.done

        before = self._cpu()
        await asyncio.gather(*map(worker, self._idle))
        return (self._cpu() - before) / requests

    def _cpu(self) -> float:
        """µs that the process has spent so far, in all its threads."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self._tasks.iterdir()) / 1e3


def routing(gateway: Gateway, groups: int) -> float:
    """µs of all that routing does for a request, the groups in turn: the best of 7 rounds."""
    router, call, turn = gateway.pipeline.router, SampleCall(), 0
    names, stats, selection = [f"m-{group}" for group in range(groups)], router.stats, router.selection

    def one() -> None:
        nonlocal turn
        turn += 1
        target = router.models.resolve(names[turn % groups])
        assert target is not None
        eligible = selection.eligible(target.group, target.deployments, call, stats)  # type: ignore[arg-type]
        awake = selection.awake(eligible, stats)
        chosen = selection.pick(target.group, awake, call, stats)  # type: ignore[arg-type]
        stats.began(chosen.id)
        stats.succeeded(chosen.id, 1.0, 10, None, 20)

    timeit.timeit(one, number=20_000)
    return min(timeit.repeat(one, number=4_000, repeat=7)) / 4_000 * 1e6


def pick(gateway: Gateway) -> float:
    """µs of a choice among the deployments of one group: the best of 15 rounds."""
    router = gateway.pipeline.router
    rows, strategy, call = router.models.groups["m-0"], router.selection.strategy, SampleCall()
    return min(timeit.repeat(lambda: strategy.pick(rows, call, router.stats), number=2_000, repeat=15)) / 2_000 * 1e6


async def compare(port: int, strategy: str, folder: Path, options: argparse.Namespace) -> None:
    configs = [config(port, strategy, *shape) for shape in SHAPES]
    servers = [ServerProcess(made, folder / f"{strategy}-{i}").start() for i, made in enumerate(configs)]
    try:
        loads = [Load(server, groups) for server, (groups, _) in zip(servers, SHAPES, strict=True)]
        for load in loads:
            await load.measure(GROUPS * ROWS * 2, options.concurrency)  # connections open, caches warm, samples taken
        rounds = []
        for turn in range(options.rounds):
            order = loads if turn % 2 == 0 else loads[::-1]
            taken = {load: await load.measure(options.requests, options.concurrency) for load in order}
            rounds.append([taken[load] for load in loads])
    finally:
        for server in servers:
            server.stop()
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    more = [statistics.median(taken[i] / taken[0] - 1 for taken in rounds) for i in (1, 2)]
    gateways = [Gateway.from_config(configs[0]), Gateway.from_config(configs[2])]
    added = routing(gateways[1], GROUPS) - routing(gateways[0], 1)
    row = f"{strategy:24} {medians[0]:8.1f} {medians[1]:10.1f} {more[0]:+7.1%} {medians[2]:10.1f} {more[1]:+7.1%}"
    print(f"{row} {added:+9.2f} {pick(gateways[1]):6.2f}", flush=True)
    for gateway in gateways:
        await gateway.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--only", choices=STRATEGIES)
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    vendor = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    vendor.start()
    port = here.recv()
    head = f"{'µs of CPU a request':24} {'1 row':>8} {'200 x 1':>10} {'more':>7} {'200 x 5':>10} {'more':>7}"
    print(f"{head} {'routing':>9} {'pick':>6}")
    with TemporaryDirectory() as folder:
        for strategy in (options.only,) if options.only else STRATEGIES:
            run(compare(port, strategy, Path(folder), options))
    vendor.terminate()
    vendor.join()


if __name__ == "__main__":
    main()
