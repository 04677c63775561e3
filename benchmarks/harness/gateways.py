"""The gateways under test: how each is installed, started and addressed. One process, one worker, one core each."""

import json
import shutil
import subprocess
import venv
from dataclasses import dataclass, field
from pathlib import Path

from harness.places import (
    BENCH,
    GATEWAY_CORE,
    GATEWAY_PORT,
    MASTER_KEY,
    ROOT,
    UPSTREAM,
    WORK,
    BenchError,
    pinned,
    shown,
)
from harness.processes import Server

CONFIG, CONFIG_WITH_GUARDRAILS = str(BENCH / "configs/proxy_config.yaml"), str(BENCH / "configs/guardrails.yaml")
REQUIREMENTS = BENCH / "requirements"
PORT = str(GATEWAY_PORT)
OUR_PYTHON = ROOT / ".venv/bin/python"
ECHO_VENV, LITELLM_VENV, PORTKEY_HOME = WORK / "venv-echo", WORK / "venv-litellm", WORK / "portkey"


@dataclass(frozen=True)
class Gateway:
    name: str
    title: str
    argv: list[str]
    ready_path: str
    program: Path
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {MASTER_KEY}"})
    env: dict[str, str] = field(default_factory=dict)
    requirements: Path | None = None
    python: Path | None = None
    packages: tuple[str, ...] = ()

    def server(self) -> Server:
        if not self.program.exists():
            raise BenchError(f"not installed ({shown([str(self.program)])} is missing)")
        env = {"BENCH_UPSTREAM": UPSTREAM, "BENCH_MASTER_KEY": MASTER_KEY, **self.env}
        return Server(
            self.name, pinned(GATEWAY_CORE, self.argv), port=GATEWAY_PORT, ready_path=self.ready_path, env=env
        )

    def install(self) -> None:
        """Bring the gateway's own environment below .work; nothing to do for our own, or when it is there."""
        if self.requirements is None:
            return
        stamp = WORK / f"{self.name}.installed"
        wanted = self.requirements.read_text()
        if self.program.exists() and stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"installing {self.title} …", flush=True)
        if self.python is not None:
            home = self.python.parent.parent
            venv.create(home, with_pip=True, clear=True)
            _run([str(self.python), "-m", "pip", "install", "--quiet", "-r", str(self.requirements)])
        else:
            if shutil.which("npm") is None:
                raise BenchError("npm is not installed; on Debian or Ubuntu:  apt-get install nodejs npm")
            shutil.rmtree(PORTKEY_HOME, ignore_errors=True)
            PORTKEY_HOME.mkdir(parents=True)
            (PORTKEY_HOME / "package.json").write_text(wanted)
            _run(["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(PORTKEY_HOME)])
        stamp.write_text(wanted)

    def versions(self) -> str:
        """What the process is made of, as one line."""
        if self.python is None:
            parts = ["node " + _output(["node", "--version"]).removeprefix("v")]
            for package in self.packages:
                manifest = PORTKEY_HOME / "node_modules" / package / "package.json"
                parts.append(f"{package} {json.loads(manifest.read_text())['version']}")
            return ", ".join(parts)
        code = (
            "import platform, sys\n"
            "from importlib.metadata import version, PackageNotFoundError\n"
            "parts = ['Python ' + platform.python_version()]\n"
            "for name in sys.argv[1:]:\n"
            "    try: parts.append(name + ' ' + version(name))\n"
            "    except PackageNotFoundError: pass\n"
            "print(', '.join(parts))"
        )
        return _output([str(self.python), "-c", code, *self.packages])


def _run(argv: list[str]) -> None:
    result = subprocess.run(argv, capture_output=True, text=True)
    if result.returncode:
        last = (result.stderr.strip() or result.stdout.strip() or "no output").splitlines()[-1]
        raise BenchError(f"{shown(argv)} failed: {last}")


def _output(argv: list[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _tianji(server: str, *, guarded: bool = False) -> Gateway:
    program = ROOT / ".venv/bin/tianji"
    config = CONFIG_WITH_GUARDRAILS if guarded else CONFIG
    arguments = ["serve", "--config", config, "--port", PORT, "--host", "127.0.0.1", "--server", server]
    parts = ("uvicorn", "uvloop") if server == "auto" else ("hypercorn",)
    name = "tianji" if server == "auto" else f"tianji-{server}"
    return Gateway(
        name=f"{name}-guarded" if guarded else name,
        title=f"Tianji, `--server {server}`" + (", guardrails on" if guarded else ""),
        argv=[str(program), *arguments],
        ready_path="/health/liveliness",
        program=program,
        python=OUR_PYTHON,
        packages=("tianji-core", "httptools", "orjson", "starlette", *parts),
    )


ECHO = Gateway(
    name="echo-proxy",
    title="echo-proxy (Starlette, aiohttp, uvicorn; no logic)",
    argv=[
        str(ECHO_VENV / "bin/uvicorn"),
        "--app-dir",
        str(BENCH),
        "echo_proxy:app",
        "--host",
        "127.0.0.1",
        "--port",
        PORT,
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ],
    ready_path="/health",
    program=ECHO_VENV / "bin/uvicorn",
    requirements=REQUIREMENTS / "echo-proxy.txt",
    python=ECHO_VENV / "bin/python",
    packages=("starlette", "aiohttp", "uvicorn", "httptools", "uvloop"),
)

PORTKEY = Gateway(
    name="portkey",
    title="Portkey gateway",
    argv=[
        "node",
        str(PORTKEY_HOME / "node_modules/@portkey-ai/gateway/build/start-server.js"),
        f"--port={PORT}",
        "--headless",
    ],
    ready_path="/",
    program=PORTKEY_HOME / "node_modules/@portkey-ai/gateway/build/start-server.js",
    # It keeps no config of its own: the caller names provider and host.
    headers={
        "Authorization": "Bearer sk-upstream",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": UPSTREAM,
    },
    env={"NODE_ENV": "production"},
    requirements=REQUIREMENTS / "portkey.package.json",
    packages=("@portkey-ai/gateway", "@hono/node-server", "hono"),
)

LITELLM = Gateway(
    name="litellm",
    title="LiteLLM proxy",
    argv=[
        str(LITELLM_VENV / "bin/litellm"),
        "--config",
        CONFIG,
        "--host",
        "127.0.0.1",
        "--port",
        PORT,
        "--num_workers",
        "1",
        "--telemetry",
        "False",
    ],
    ready_path="/health/liveliness",
    program=LITELLM_VENV / "bin/litellm",
    env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1", "LITELLM_LOG": "ERROR"},
    requirements=REQUIREMENTS / "litellm.txt",
    python=LITELLM_VENV / "bin/python",
    packages=("litellm", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "aiohttp", "httpx", "openai"),
)

TIANJI, TIANJI_HYPERCORN = _tianji("auto"), _tianji("hypercorn")
TIANJI_GUARDED = _tianji("auto", guarded=True)
GATEWAYS = (TIANJI, TIANJI_GUARDED, TIANJI_HYPERCORN, ECHO, PORTKEY, LITELLM)


def chosen(names: list[str]) -> list[Gateway]:
    known = {gateway.name: gateway for gateway in GATEWAYS}
    if unknown := [name for name in names if name not in known]:
        raise BenchError(f"--only knows {', '.join(known)}; not {', '.join(unknown)}")
    return [gateway for gateway in GATEWAYS if not names or gateway.name in names]
