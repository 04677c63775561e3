"""A stranger's way: a provider written outside this repository, out of the template, with wheels alone."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing import server as testing_server
from tianji_core.testing.server import ServerProcess

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.long, pytest.mark.e2e, pytest.mark.timeout(600)]


def run(*command: object, cwd: Path, status: int = 0) -> str:
    """What a command says; fails with all of it if it ends otherwise than expected."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "TIANJI"))}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with a fresh environment that has the core's wheel and what its tests need."""
    folder = tmp_path_factory.mktemp("outside")
    wheels = folder / "wheels"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=ROOT)
    run(sys.executable, "-m", "venv", "venv", cwd=folder)
    (core,) = wheels.glob("tianji_core-*.whl")
    pip(folder, f"{core}[fast,testing]", "hypothesis")
    return folder


def pip(folder: Path, *packages: object) -> None:
    constraints = ROOT / "constraints.txt"
    run(python(folder), "-m", "pip", "install", "-q", "-c", constraints, *packages, cwd=folder)


def python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def tianji(folder: Path) -> Path:
    return folder / "venv" / "bin" / "tianji"


def post(server: ServerProcess, body: dict[str, object]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, content


@pytest.mark.parametrize("plugin", sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")))
def test_our_own_packages_are_tested_as_an_outsiders_would_be(outside, tmp_path, plugin):
    """The tests as they are in its sdist, run against its wheel with its extras, where beside it only the core's is."""
    project = tomllib.loads((ROOT / "plugins" / plugin / "pyproject.toml").read_text())["project"]
    extras = ",".join(project.get("optional-dependencies", ()))
    run(sys.executable, "-m", "hatchling", "build", "-d", tmp_path, cwd=ROOT / "plugins" / plugin)
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=tmp_path)
    (packages,) = tmp_path.glob("venv/lib/*/site-packages")
    (core,) = outside.glob("venv/lib/*/site-packages")
    (packages / "core.pth").write_text(f"{core}\n")
    pip_command = [python(outside), "-m", "pip", "--python", python(tmp_path), "install", "-q"]
    run(*pip_command, "-c", ROOT / "constraints.txt", f"{wheel}[{extras}]", cwd=tmp_path)
    run("tar", "xf", sdist, cwd=tmp_path)
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    said = run(python(tmp_path), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", cwd=unpacked)
    assert " passed" in said
    assert " failed" not in said


def test_a_provider_from_the_template_to_an_answer(outside, tmp_path, monkeypatch):
    said = run(tianji(outside), "plugins", "new", "provider", "acme", cwd=outside)
    project = outside / "tianji-provider-acme"
    assert "Made tianji-provider-acme: a provider that works as it is." in said
    assert (
        run(tianji(outside), "plugins", "check", project, cwd=outside)
        == "provider acme (tianji-provider-acme 0.1.0): ok\n"
    )

    # What the config names is not installed yet.
    with FakeUpstream(Answer.chat("Hello from Acme!")) as upstream:
        config = tmp_path / "config.yaml"
        row = {"model": "acme/x", "api_key": "sk-acme", "api_base": upstream.url}
        config.write_text(json.dumps({"model_list": [{"model_name": "mine", "litellm_params": row}]}, indent=1))
        said = run(tianji(outside), "check", config, cwd=outside, status=2)
        assert "pip install tianji-provider-acme" in said
        assert "Traceback" not in said

        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", outside / "wheels", cwd=project)
        (wheel,) = (outside / "wheels").glob("tianji_provider_acme-*.whl")
        pip(outside, wheel)
        assert "\n  acme " in run(tianji(outside), "plugins", "list", cwd=outside)
        assert "ACME_API_KEY" in run(tianji(outside), "plugins", "show", "acme", cwd=outside)

        said = run(python(outside), "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
        assert " passed" in said
        assert " failed" not in said

        monkeypatch.setattr(testing_server, "COMMAND", (str(tianji(outside)),))
        monkeypatch.chdir(tmp_path)
        server = ServerProcess(config, tmp_path / "run").start()
        try:
            status, content = post(server, {"model": "mine", "messages": [{"role": "user", "content": "Hi"}]})
        finally:
            server.stop()
        assert status == 200, content
        assert json.loads(content)["choices"][0]["message"]["content"] == "Hello from Acme!"
        (sent,) = upstream.requests
        assert sent.path == "/chat/completions"
        assert sent.json()["model"] == "x"
        assert sent.headers["authorization"] == "Bearer sk-acme"


@pytest.mark.parametrize("kind", ["routing", "callback", "guardrail", "auth"])
def test_the_other_kinds_pass_their_kits(outside, kind):
    run(tianji(outside), "plugins", "new", kind, "acme", cwd=outside)
    project = outside / f"tianji-{kind}-acme"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", outside / "wheels", cwd=project)
    (wheel,) = (outside / "wheels").glob(f"tianji_{kind}_acme-*.whl")
    pip(outside, wheel)
    said = run(python(outside), "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert " passed" in said
    assert " failed" not in said
    assert ": ok\n" in run(tianji(outside), "plugins", "check", "acme", cwd=outside)
