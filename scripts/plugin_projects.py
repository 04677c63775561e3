"""Write plugins/*/pyproject.toml: the hand-written table at the top of each stays, all below it is made from it.

    python scripts/plugin_projects.py            rewrite what is out of step
    python scripts/plugin_projects.py --check    only say so, exit status 1

The table holds `kind` (the word of package names: provider, routing, callback, guardrail, auth), `names` (entry
points), `description`, and if need be `version`, `docs` (a URL), `dependencies` (besides tianji-core), `extras` (what
is installed on demand, by the extra's name), `api_key_env`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from _generated import ROOT, main

from tianji_core.discovery.kinds import BY_SHORT
from tianji_core.discovery.scaffold import Project, render_pyproject

LINE = "# Below this line: written by scripts/plugin_projects.py; change the table above and run `make docs`.\n"
REQUIRED = {"kind", "names", "description"}
OPTIONAL = {"version", "docs", "dependencies", "extras", "api_key_env", "tier"}


def folders() -> list[Path]:
    """The plugin packages of this repository."""
    return sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def table_of(folder: Path) -> dict[str, Any]:
    """The hand-written table of a package. Exits with a message if it is not as it has to be."""
    path = folder / "pyproject.toml"
    table: dict[str, Any] = tomllib.loads(path.read_text())["tool"]["tianji"]
    if missing := REQUIRED - table.keys():
        raise SystemExit(f"{path}: [tool.tianji] lacks {', '.join(sorted(missing))}")
    if unknown := table.keys() - REQUIRED - OPTIONAL:
        raise SystemExit(f"{path}: [tool.tianji] has no {', '.join(sorted(unknown))}")
    if table["kind"] not in BY_SHORT:
        raise SystemExit(f"{path}: kind is one of {', '.join(BY_SHORT)}")
    return table


def project_of(folder: Path) -> Project:
    """What the template is filled with for one package."""
    table = table_of(folder)
    return Project(
        kind=BY_SHORT[table["kind"]],
        names=tuple(table["names"]),
        distribution=folder.name,
        description=table["description"],
        version=table.get("version", "0.1.0"),
        license="MIT",
        docs=table.get("docs"),
        dependencies=tuple(table.get("dependencies", ())),
        extras={name: tuple(lines) for name, lines in table.get("extras", {}).items()},
    )


def files() -> dict[Path, str]:
    """Every pyproject as it has to be."""
    made = {}
    for folder in folders():
        path = folder / "pyproject.toml"
        by_hand, line, _ = path.read_text().partition(LINE)
        if not line:
            raise SystemExit(f"{path}: the line that ends the hand-written part is missing:\n{LINE}")
        made[path] = by_hand + LINE + "\n" + render_pyproject(project_of(folder))
    return made


if __name__ == "__main__":
    main(files)
