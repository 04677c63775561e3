"""Write constraints.txt: the version of everything that `make setup` installs.

    python scripts/constraints.py            resolve anew, with nothing but venv and pip; takes a minute
    python scripts/constraints.py --check    offline: every requirement of ours has a pin, and the pin fits it

Resolved in an environment of its own with pip's dry run, so the result depends on the package index alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
CORE = "tianji-core"
FILE = ROOT / "constraints.txt"
TOOLS = ("pip", "hatchling", "editables")
"""What `make setup` needs before it can install us; the last two build the editable packages."""
HEAD = """\
# The versions that `make setup` installs, the development tools included. Made with Python {python} by
#     make constraints
# which resolves everything anew; edit nothing here by hand.
"""


def projects() -> list[Path]:
    """The folders of our packages, the core's first."""
    return [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def resolve() -> str:
    """The text of the file, from what the package index has now."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
        report = Path(folder, "report.json")
        wanted = sorted({*TOOLS, *(str(one) for _, one in requirements() if canonicalize_name(one.name) != CORE)})
        subprocess.run([*pip, "--dry-run", "--ignore-installed", f"--report={report}", *wanted], check=True)
        installed = json.loads(report.read_text())["install"]
    pins = {canonicalize_name(one["metadata"]["name"]): one["metadata"]["version"] for one in installed}
    head = HEAD.format(python=".".join(map(str, sys.version_info[:2])))
    return head + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def requirements() -> Iterator[tuple[Path, Requirement]]:
    """Everything our projects ask for, each with where it says so."""
    for folder in projects():
        path = folder / "pyproject.toml"
        content = tomllib.loads(path.read_text())
        lines = list(content["project"]["dependencies"])
        for extra in content["project"].get("optional-dependencies", {}).values():
            lines += extra
        for group in content.get("dependency-groups", {}).values():
            lines += group
        yield from ((path, Requirement(line)) for line in lines)


def complaints() -> Iterator[str]:
    """What does not fit between our requirements and the pins."""
    pins = dict(line.split("==") for line in FILE.read_text().splitlines() if not line.startswith("#"))
    for path, requirement in requirements():
        name = canonicalize_name(requirement.name)
        if name == CORE:
            continue
        if name not in pins:
            yield f"{path.relative_to(ROOT)}: {requirement} has no pin"
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            yield f"{path.relative_to(ROOT)}: {requirement} does not go with the pin {pins[name]}"


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a requirement has no fitting pin")
    if not parser.parse_args().check:
        FILE.write_text(resolve())
        print(f"written: {FILE.relative_to(ROOT)}")
    elif wrong := list(complaints()):
        raise SystemExit("\n".join((*wrong, "Run: make constraints")))


if __name__ == "__main__":
    main()
