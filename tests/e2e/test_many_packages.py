"""A deployment that nobody calls costs nothing, nor does a package that the config does not name."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

from tianji_core.testing.server import ServerProcess

ROWS = [
    {"model_name": "echo", "litellm_params": {"model": "echo/echo-1"}},
    {"model_name": "groq", "litellm_params": {"model": "groq/llama-3.3-70b-versatile", "api_key": "sk-none"}},
]
LOADED = """
import json, sys
from tianji_core.gateway import Gateway
Gateway.from_config(json.loads(sys.argv[1]))
print(json.dumps(sorted(name for name in sys.modules if name.startswith("tianji_") and "." not in name)))
print(json.dumps(sorted({"botocore", "google", "azure", "tiktoken", "splintr"} & sys.modules.keys())))
"""


def test_only_what_the_config_names_is_imported() -> None:
    assert len(entry_points(group="tianji.providers")) >= 30, "this says little with a few packages only"
    command = [sys.executable, "-c", LOADED, json.dumps({"model_list": ROWS})]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours, vendors = map(json.loads, done.stdout.splitlines())
    assert ours == ["tianji_core", "tianji_provider_echo", "tianji_provider_groq"]
    assert vendors == []


PEER = "import asyncio, email.message, http.server, sqlite3, unittest.mock, urllib.request, xml.dom.minidom"
"""What a process of Python's own takes as well, and some 0.15 s on the machine that the bound is for."""


def test_start_up_is_quick_whatever_is_installed(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"model_list": ROWS}))
    seconds, peers = [], []
    for turn in range(3):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", PEER], check=True)
        peers.append(time.monotonic() - begun)
        begun = time.monotonic()
        server = ServerProcess(config, tmp_path / f"run{turn}").start()
        seconds.append(time.monotonic() - begun)
        server.stop()
    # The machine may be slow, or busy with something else meanwhile.
    assert min(seconds) <= max(1.5, 8 * min(peers)), (seconds, peers)
