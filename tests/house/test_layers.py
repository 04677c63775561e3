"""Who may import whom: the contracts in pyproject.toml, and what they cannot say."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from house import CORE, PLUGINS, ROOT, below, imports_of
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOR_PLUGINS = (
    "tianji_core.api",
    "tianji_core.hookimpl",
    "tianji_core.hookspecs",
    "tianji_core.openai_compat",
    "tianji_core.server.permissions",
    "tianji_core.telemetry.sender",
    "tianji_core.transport.json_service",
    "tianji_core.translate",
    "tianji_core.wire",
)
PROMISED = ("pydantic",)
"""What comes with the core for good, because the contracts are written in it."""
SOURCES = sorted(CORE.rglob("*.py"))


def test_imports_run_downwards():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_transport_knows_an_http_client():
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in SOURCES
        if not file.is_relative_to(CORE / "transport")
        for line, name in imports_of(file)
        if below(name, "httpx", "httptools", "httpcore", "aiohttp", "requests", "urllib3", "urllib.request")
    ]
    assert not found, "\n".join(found)


def test_the_core_imports_no_plugin():
    modules = tuple(folder.name.replace("-", "_") for folder in PLUGINS)
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in SOURCES
        for line, name in imports_of(file)
        if below(name, *modules)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_imports_only_what_has_a_promise(folder):
    own = folder.name.replace("-", "_")
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in sorted(folder.glob("src/**/*.py"))
        for line, name in imports_of(file)
        if name.startswith("tianji_") and not below(name, own, *FOR_PLUGINS)
    ]
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def owners():
    """The packages that each importable name comes from."""
    return metadata.packages_distributions()


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_declares_what_it_imports(folder, owners):
    content = tomllib.loads((folder / "pyproject.toml").read_text())
    project = content["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    for file in sorted(folder.glob("src/**/*.py")):
        for line, name in imports_of(file):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top.startswith("tianji_") or top in PROMISED:
                continue
            known = {canonicalize_name(owner) for owner in owners.get(top, [top])}
            assert known & declared, (
                f"{file.relative_to(ROOT)}:{line} imports {top}: add it to [tool.tianji] dependencies"
            )
