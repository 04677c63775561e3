"""Where things are in this repository."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "tianji_core"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """Every absolute import of a file, type-checking ones and those inside functions too: line and dotted name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def below(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of these or inside one of them."""
    return any(name == package or name.startswith(package + ".") for package in packages)
