"""A plugin package out of the templates: a stranger's new one, and the repeated parts of our own."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tianji_core.discovery.errors import PluginError, closest, quoted
from tianji_core.discovery.kinds import BY_SHORT, PLUGIN_KINDS, Kind

TEMPLATES = Path(__file__).with_name("templates")
CORE_RANGE = "tianji-core>=0.1,<0.2"
"""What a plugin made for this core depends on."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Project:
    """What is different from one plugin package to the next."""

    kind: Kind
    names: tuple[str, ...]
    distribution: str
    description: str
    version: str = "0.1.0"
    license: str | None = None
    docs: str | None = None
    dependencies: tuple[str, ...] = ()
    """Besides tianji-core."""
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Dependencies that are installed on demand, by the extra's name."""

    @property
    def module(self) -> str:
        return self.distribution.replace("-", "_")


def render_pyproject(project: Project) -> str:
    """The pyproject.toml of a plugin package."""
    return _fill(
        TEMPLATES / "pyproject.toml.tmpl",
        {
            "distribution": project.distribution,
            "version": project.version,
            "description": _toml_inside(project.description),
            "license": f'license = "{project.license}"\n' if project.license else "",
            "kind": project.kind.word,
            "dependencies": "".join(f"    {_toml(line)},\n" for line in sorted((*project.dependencies, CORE_RANGE))),
            "extras": "".join(
                f"{name} = [{', '.join(map(_toml, lines))}]\n" for name, lines in sorted(project.extras.items())
            ),
            "urls": f"\n[project.urls]\nDocumentation = {_toml(project.docs)}\n" if project.docs else "",
            "group": str(project.kind.group),
            "entry_points": "".join(f'"{name}" = "{project.module}"\n' for name in project.names),
            "module": project.module,
        },
    )


def render(kind: Kind, name: str) -> dict[str, str]:
    """The files of a new plugin package: path inside the package's folder to text."""
    distribution = kind.package(name)
    project = Project(kind, (name,), distribution, f"Tianji {kind.word}: {name}.")
    words = {
        "name": name,
        "distribution": distribution,
        "description": project.description,
        "module": project.module,
        "classname": _class_name(kind, name),
        "env": name.upper().replace("-", "_"),
        "hostname": name.replace("_", "-"),
    }
    folder = TEMPLATES / kind.short
    words["usage"] = _fill(folder / "usage.tmpl", words).strip()
    return {
        "pyproject.toml": render_pyproject(project),
        "README.md": _fill(TEMPLATES / "README.md.tmpl", words),
        f"src/{project.module}/__init__.py": _fill(folder / "module.py.tmpl", words),
        f"src/{project.module}/py.typed": "",
        "tests/test_conformance.py": _fill(folder / "test_conformance.py.tmpl", words),
        "tests/samples/README.md": _fill(TEMPLATES / "samples.md.tmpl", words),
    }


def create(kind: str, name: str, directory: Path) -> Path:
    """Write a new plugin package below `directory` and return its folder.

    `kind` is the word of package names: provider, routing, callback, guardrail, auth, cache. Raises PluginError for
    a name that no package or module can have, and for a folder that is there already; nothing is ever overwritten.
    """
    which = BY_SHORT.get(kind)
    if which is None:
        near = closest(kind, BY_SHORT)
        hint = f"Did you mean {quoted(near)}?" if near else f"There are: {', '.join(BY_SHORT)}"
        raise PluginError(f'"{kind}" is no kind of plugin.', hint)
    if (reason := objection(name)) is not None:
        raise PluginError(f'A plugin cannot be called "{name}": {reason}.', "Good names: acme, acme-cloud, acme_v2.")
    if not directory.is_dir():
        raise PluginError(f"There is no folder {directory}.", "Make it first, or name another with --directory.")
    folder = directory / which.package(name)
    files = render(which, name)
    try:
        folder.mkdir()
    except FileExistsError:
        raise PluginError(f"{folder} is there already.", "Choose another name, or another --directory.") from None
    except OSError as error:
        raise PluginError(f"{folder} cannot be made: {error.strerror}.") from error
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def objection(name: str) -> str | None:
    """Why a new plugin cannot have this name; None if it can."""
    for kind in PLUGIN_KINDS:
        if name.startswith(kind.package("")):
            return f"name just the plugin, the package will be {name}"
    if len(name) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if _NAME.fullmatch(name) is None:
        return "it has to be lower-case letters and digits, with single - or _ between"
    return None


def _class_name(kind: Kind, name: str) -> str:
    """`AcmeCloud` for acme-cloud; one that Python or the template uses already gets the kind behind it."""
    made = "".join(part.capitalize() for part in re.split(r"[-_]", name))
    used = "".join(file.read_text(encoding="utf-8") for file in (TEMPLATES / kind.short).glob("*.py.tmpl"))
    taken = keyword.iskeyword(made) or re.search(rf"\b{made}\b", used)
    return f"{made}{kind.short.capitalize()}" if taken else made


def _fill(template: Path, words: Mapping[str, str]) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(words)


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON text is a TOML basic string


def _toml_inside(text: str) -> str:
    return _toml(text)[1:-1]
