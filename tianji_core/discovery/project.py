"""A plugin project in a folder, seen as if it were installed: what `tianji plugins check PATH` loads."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from tianji_core.discovery.errors import PluginError
from tianji_core.discovery.registry import Registry


class ProjectDistribution(metadata.Distribution):
    """The distribution that a folder with a pyproject.toml would become."""

    def __init__(self, folder: Path, project: dict[str, Any]) -> None:
        self._folder = folder
        self._project = project

    def read_text(self, filename: str) -> str | None:
        if filename == "METADATA":
            return self._metadata()
        if filename == "entry_points.txt":
            return self._entry_points()
        return None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return self._folder / path

    def _metadata(self) -> str:
        project = self._project
        lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {project.get('version', '0')}"]
        if project.get("description"):
            lines.append(f"Summary: {project['description']}")
        lines += [f"Requires-Dist: {line}" for line in project.get("dependencies", [])]
        lines += [f"Project-URL: {label}, {url}" for label, url in project.get("urls", {}).items()]
        return "\n".join(lines) + "\n"

    def _entry_points(self) -> str:
        groups = self._project.get("entry-points", {})
        return "\n".join(
            line for group, rows in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in rows.items()))
        )


def registry_of(folder: Path) -> Registry:
    """A registry of the plugins of one project. Puts its sources on `sys.path`, as an editable install would.

    Raises PluginError for a folder that holds no Python project with plugins.
    """
    path = folder / "pyproject.toml"
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
    except OSError as error:
        raise PluginError(
            f"{path} cannot be read: {error.strerror}.", "Name the folder of a plugin project."
        ) from error
    except ValueError as error:
        raise PluginError(f"{path} is not TOML: {error}.") from error
    if not isinstance(project, dict) or not project.get("name"):
        raise PluginError(f"{path} has no [project] with a name.")
    sources = folder / "src"
    sys.path.insert(0, str((sources if sources.is_dir() else folder).resolve()))
    importlib.invalidate_caches()
    distribution = ProjectDistribution(folder, project)
    registry = Registry.scan(distribution.entry_points)
    if not registry.installed():
        raise PluginError(
            f"{path} has no plugin: it lacks entry points of Tianji.",
            'For a provider:  [project.entry-points."tianji.providers"]',
        )
    return registry
