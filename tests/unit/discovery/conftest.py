"""A site directory to install little plugin packages into, as pip would leave them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tianji_core.discovery import Registry

PROVIDER = """
    from tianji_core.hookspecs import hookimpl

    class Acme:
        def __init__(self, settings):
            self.settings = settings

    @hookimpl
    def tianji_register_providers(register):
        register("acme", Acme)
"""


class Site:
    """Packages below one folder on `sys.path`; only these are scanned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def install(
        self,
        distribution: str,
        source: str | None = PROVIDER,
        *,
        module: str | None = None,
        points: dict[str, list[str]] | None = None,
        requires: tuple[str, ...] = ("tianji-core>=0.1,<0.2",),
        version: str = "1.2.3",
    ) -> str:
        """Write a package; `points` maps an entry-point group to its lines. Returns the name of its module."""
        module = module or distribution.replace("-", "_")
        self.modules.add(module)
        if source is not None:
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        if points is None:
            points = {"tianji.providers": [f"acme = {module}"]}
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        head = [f"Name: {distribution}", f"Version: {version}", f"Summary: The {distribution} package"]
        needs = [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", *head, *needs]) + "\n")
        lines = [line for group, rows in points.items() for line in (f"[{group}]", *rows)]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        return module

    def entry_points(self) -> list[metadata.EntryPoint]:
        return [point for dist in metadata.distributions(path=[str(self.folder)]) for point in dist.entry_points]

    def scan(self) -> Registry:
        importlib.invalidate_caches()
        return Registry.scan(self.entry_points())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Site(folder)
    yield made
    for name in list(sys.modules):
        if name.partition(".")[0] in made.modules:
            del sys.modules[name]
