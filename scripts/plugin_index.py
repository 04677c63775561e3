"""Write tianji_core/discovery/known_plugins.py: which package has which plugin, out of plugins/*/pyproject.toml.

    python scripts/plugin_index.py [--check]

The gateway needs it to say `pip install tianji-provider-groq` where groq is not installed.
"""

from __future__ import annotations

from pathlib import Path

from _generated import ROOT, main
from plugin_projects import folders, project_of

from tianji_core.discovery.kinds import PLUGIN_KINDS

HEAD = '''"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

'''


def files() -> dict[Path, str]:
    """The index as it has to be."""
    projects = [project_of(folder) for folder in folders()]
    lines = ["KNOWN: dict[str, dict[str, str]] = {"]
    for kind in PLUGIN_KINDS:
        known = {name: project.distribution for project in projects if project.kind is kind for name in project.names}
        if known:
            lines.append(f'    "{kind.name}": {{')
            lines += [f'        "{name}": "{known[name]}",' for name in sorted(known)]
            lines.append("    },")
    lines.append("}")
    return {ROOT / "tianji_core/discovery/known_plugins.py": HEAD + "\n".join(lines) + "\n"}


if __name__ == "__main__":
    main(files)
