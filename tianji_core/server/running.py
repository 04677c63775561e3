"""Running the application on one of the two servers, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from tianji_core.server.app import App, create_app
from tianji_core.server.pings import PING_EVERY, PONG_WITHIN

_WORKER_ENV = "TIANJI_WORKER_OPTIONS"
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
BACKLOG = 2048
GC_THRESHOLDS = (20_000, 20, 20)
"""Against Python's 700 allocations between two collections: a tenth less CPU for each call, some MB more memory."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. `drain` is how long, in seconds, calls in flight may go on after SIGTERM."""

    host: str
    port: int
    workers: int = 1
    server: str = "uvicorn"
    drain: float = 30.0
    keep_alive: int = 75
    keyfile: str | None = None
    certfile: str | None = None
    debug: bool = False
    max_message_bytes: int = 32 * 1024 * 1024
    """The largest message of a WebSocket's client."""
    reload: bool = False
    """Whether to reload when the files of the config change."""


def try_listening(options: Options) -> None:
    """Raises OSError if this address cannot be listened on: the servers say so late, and each in its own way."""
    with socket.socket(socket.AF_INET6 if ":" in options.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((options.host, options.port))


def run(app: App, options: Options, *, config: str = "") -> None:
    """Serve until SIGTERM or SIGINT. `config` is the file that further worker processes read."""
    app.watches_config = options.reload
    # What is there now stays: the collector need not look at it again and again. And calls leave few cycles behind.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    serve = _run_uvicorn if options.server == "uvicorn" else _run_hypercorn
    if options.workers == 1:
        serve(app, options)
        return
    os.environ[_WORKER_ENV] = orjson.dumps({"config": config, **asdict(options)}).decode()
    os.environ.setdefault("TIANJI_REPLICAS", str(options.workers))  # without Redis they cannot count themselves
    with _shared_metrics():
        serve(app, options)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A directory in which worker processes count together, if something in them uses Prometheus' client: it looks at
    this variable when it is imported. What an earlier run has left there is removed, as the client's docs want it.
    """
    named = os.environ.get(METRICS_DIRECTORY)
    if named:
        directory = Path(named)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for left in directory.glob("*.db"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise SystemExit(f"{METRICS_DIRECTORY} names no directory that can be used: {error.strerror}") from None
        yield
        return
    with tempfile.TemporaryDirectory(prefix="tianji-metrics-") as made:
        os.environ[METRICS_DIRECTORY] = made
        yield


def worker_app() -> App:
    """The application of one worker process, from what `run` left in the environment."""
    from tianji_core.config import load
    from tianji_core.telemetry.logs import configure_logging, level_of

    options = orjson.loads(os.environ[_WORKER_ENV])
    if options["server"] == "hypercorn":
        from tianji_core.server.hypercorn_quick import quicken

        quicken()
    loaded = load(options["config"])
    level = "DEBUG" if options["debug"] else level_of(loaded)
    configure_logging(level, json=loaded.config.litellm_settings.json_logs)
    app = create_app(loaded.path or loaded)
    app.watches_config = options["reload"]
    return app


def _run_uvicorn(app: App, options: Options) -> None:
    import uvicorn

    from tianji_core.server.uvicorn_quick import protocol, socket_protocol

    common: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "http": protocol(),
        "ws": socket_protocol(),
        "ws_max_size": options.max_message_bytes,
        "ws_ping_interval": PING_EVERY,
        "ws_ping_timeout": PONG_WITHIN,
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "log_config": None,
        "log_level": "debug" if options.debug else "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # nothing here goes by the peer's address, so nobody needs to be believed about it
        "backlog": BACKLOG,
        "timeout_keep_alive": options.keep_alive,
        "timeout_graceful_shutdown": max(1, round(options.drain)),
        "ssl_keyfile": options.keyfile,
        "ssl_certfile": options.certfile,
    }
    if options.workers > 1:
        uvicorn.run("tianji_core.server.running:worker_app", factory=True, workers=options.workers, **common)
        return
    server = uvicorn.Server(uvicorn.Config(app, **common))

    def stop(number: int, frame: object) -> None:
        # While it runs, uvicorn has handlers of its own; when it is done it raises the signal again, for whoever
        # cares. A drained gateway has ended as it was told to: status 0.
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run()


def _run_hypercorn(app: App, options: Options) -> None:
    from tianji_core.server.hypercorn_quick import quicken

    config = quicken()()
    config.bind = [f"[{options.host}]:{options.port}" if ":" in options.host else f"{options.host}:{options.port}"]
    config.graceful_timeout = options.drain  # its own default is 3 s
    config.shutdown_timeout = options.drain + 15
    config.keep_alive_timeout = options.keep_alive
    config.backlog = BACKLOG
    config.include_server_header = False
    config.websocket_max_message_size = options.max_message_bytes
    config.keyfile, config.certfile = options.keyfile, options.certfile
    config.loglevel = "DEBUG" if options.debug else "WARNING"
    if options.workers > 1:
        from hypercorn.run import run as run_workers

        config.application_path = "tianji_core.server.running:worker_app()"
        config.workers = options.workers
        config.worker_class = "uvloop" if _has_uvloop() else "asyncio"
        run_workers(config)
        return
    _run_loop(lambda: _serve_hypercorn(app, config))


async def _serve_hypercorn(app: App, config: Any) -> None:
    from hypercorn.asyncio import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_without_cancellations)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    trigger = cast("Callable[..., Awaitable[None]]", stop.wait)
    await serve(cast(Any, app), config, shutdown_trigger=trigger, mode="asgi")


def _without_cancellations(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Until 3.12 asyncio takes connections that are cancelled, as at the end of a drain, for crashes."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


def _run_loop(main: Callable[[], Any]) -> None:
    if _has_uvloop():
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


def _has_uvloop() -> bool:
    from importlib.util import find_spec

    return find_spec("uvloop") is not None
