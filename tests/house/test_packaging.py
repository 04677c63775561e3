"""What goes into the archives: all of a package, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from house import CORE, PLUGINS, ROOT


def build(folder: Path, target: Path) -> tuple[set[str], set[str]]:
    """The files in the wheel and in the sdist of a package, built offline."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        in_sdist = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    return in_wheel, in_sdist


def files_below(folder: Path, root: Path) -> set[str]:
    """What the working tree has there, without what Python and editors leave."""
    return {
        str(path.relative_to(root))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith((".db", "~", ".swp"))
    }


def test_the_core_has_exactly_its_own_files(tmp_path):
    in_wheel, in_sdist = build(ROOT, tmp_path)
    core = files_below(CORE, ROOT)
    assert in_wheel == core
    beside = {"README.md", "LICENSE", "pyproject.toml", "CHANGELOG.md", "PKG-INFO", ".gitignore"}
    assert in_sdist == core | beside
    assert {"tianji_core/py.typed", "tianji_core/discovery/templates/provider/module.py.tmpl"} <= core


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_has_exactly_its_own_files(folder, tmp_path):
    in_wheel, in_sdist = build(folder, tmp_path)
    module = folder.name.replace("-", "_")
    assert in_wheel == files_below(folder / "src" / module, folder / "src")
    beside = {"README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    own = files_below(folder / "src", folder) | files_below(folder / "tests", folder)
    assert in_sdist - beside == own


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_every_plugin_is_complete(folder):
    module = folder / "src" / folder.name.replace("-", "_")
    assert (module / "__init__.py").is_file()
    assert (module / "py.typed").is_file()
    assert [path.name for path in (folder / "src").iterdir() if path.is_dir()] == [module.name]
    kits = [path for path in folder.glob("tests/test_*.py") if "Conformance" in path.read_text()]
    assert kits, f"{folder.name} runs no conformance kit"
    readme = (folder / "README.md").read_text()
    names = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["tianji"]["names"]
    for needed in (folder.name, *names):
        assert needed in readme, f"the README of {folder.name} does not mention {needed}"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_every_plugin_is_sound(folder):
    from tianji_core.discovery import Registry
    from tianji_core.discovery.checkup import examine

    registry = Registry.scan()
    mine = [found for found in registry.installed() if found.distribution == folder.name]
    names = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["tianji"]["names"]
    assert sorted(found.name for found in mine) == sorted(names), "run `make setup`"
    for found in mine:
        assert examine(registry, found) == []
