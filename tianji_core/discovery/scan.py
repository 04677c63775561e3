"""What is installed: one reading of entry points that imports nothing of the plugins."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tianji_core.discovery.kinds import BY_GROUP, Kind

GROUP_PREFIX = "tianji."


@dataclass(frozen=True, slots=True)
class Found:
    """One entry point of an installed package. Its metadata file is opened only when it is asked about."""

    kind: str
    name: str
    target: str
    """The module, as the entry point names it."""
    entry_point: metadata.EntryPoint = field(repr=False, compare=False)

    @property
    def distribution(self) -> str:
        """The package's name, as its author writes it."""
        dist = self._dist
        return str(dist.name) if dist is not None else "(no package)"

    @property
    def version(self) -> str:
        dist = self._dist
        return str(dist.version) if dist is not None else "?"

    @property
    def package(self) -> str:
        """Name and version, for people."""
        return f"{self.distribution} {self.version}"

    @property
    def summary(self) -> str:
        """The package's description in one line."""
        return self._field("Summary")

    @property
    def docs(self) -> str:
        """Where the package is documented; empty if it does not say."""
        dist = self._dist
        links = (dist.metadata.get_all("Project-URL") or []) if dist is not None else []
        urls = {label.strip().lower(): url.strip() for label, _, url in (str(link).partition(",") for link in links)}
        return urls.get("documentation") or urls.get("homepage") or self._field("Home-page")

    def core_requirements(self) -> list[Requirement]:
        """What the package says of the versions of tianji-core that it works with."""
        dist = self._dist
        wanted = []
        for line in (dist.requires or []) if dist is not None else []:
            try:
                requirement = Requirement(line)
            except InvalidRequirement:  # pip's business; it cannot be ours, whose line would parse
                continue
            if canonicalize_name(requirement.name) == "tianji-core" and (
                requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ):
                wanted.append(requirement)
        return wanted

    def same_package(self, other: Found) -> bool:
        """Whether both come out of one package. Opens no file where the scan already knows."""
        if self._dist is other._dist:
            return True
        return canonicalize_name(self.distribution) == canonicalize_name(other.distribution)

    @property
    def _dist(self) -> metadata.Distribution | None:
        return self.entry_point.dist

    def _field(self, name: str) -> str:
        dist = self._dist
        return str(dist.metadata[name]).strip() if dist is not None and name in dist.metadata else ""


@dataclass(frozen=True, slots=True)
class Scan:
    """All entry points of Tianji's groups; `strays` are those whose group looks like one of ours and is none."""

    found: tuple[Found, ...]
    strays: tuple[metadata.EntryPoint, ...]

    @classmethod
    def of(cls, entry_points: Iterable[metadata.EntryPoint] | None = None) -> Scan:
        """Read the entry points of everything installed, or sort the ones given."""
        found: list[Found] = []
        strays: list[metadata.EntryPoint] = []
        for entry_point in _read() if entry_points is None else entry_points:
            if not entry_point.group.startswith(GROUP_PREFIX):
                continue
            kind: Kind | None = BY_GROUP.get(entry_point.group)
            if kind is None:
                strays.append(entry_point)
            else:
                found.append(Found(kind.name, entry_point.name, entry_point.value.strip(), entry_point))
        found.sort(key=lambda one: (one.kind, one.name))
        return cls(tuple(found), tuple(strays))

    def named(self, kind: str, name: str) -> list[Found]:
        return [one for one in self.found if one.kind == kind and one.name == name]


def _read() -> tuple[metadata.EntryPoint, ...]:
    """Those of everything installed. The files of all packages are read again only if a folder of them has changed."""
    return _read_anew(tuple((folder, _changed(folder)) for folder in sys.path))


def _changed(folder: str) -> int | None:
    """When something was last put into a folder or taken out of it, in nanoseconds; None if there is no folder."""
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return None


@functools.lru_cache(maxsize=1)
def _read_anew(_folders: tuple[tuple[str, int | None], ...]) -> tuple[metadata.EntryPoint, ...]:
    everything = metadata.entry_points()  # once: each call reads the files of all packages again
    ours = (group for group in everything.groups if group.startswith(GROUP_PREFIX))
    return tuple(one for group in ours for one in everything.select(group=group))
