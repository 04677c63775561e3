"""How plugins are put into words on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tianji_core.api.provider import Capabilities
from tianji_core.discovery import Found, Registered
from tianji_core.discovery.kinds import EXTENSION, REGISTRABLE, Kind

SET_BY_THE_CORE = frozenset({"environ"})
"""Fields of settings that are no key of a config."""


def row(one: Found | Registered) -> dict[str, str]:
    """A plugin in `list --json`: an installed one, or one that is built in."""
    return {
        "kind": one.kind,
        "name": one.name,
        "package": one.distribution or "",
        "version": one.version or "",
        "summary": one.summary if isinstance(one, Found) else "Built in.",
    }


def table(plugins: Sequence[dict[str, str]]) -> str:
    """What `list` shows: a block for each kind."""
    blocks = []
    packages = [f"{one['package']} {one['version']}" for one in plugins]
    cells = _columns([(one["name"], package, one["summary"]) for one, package in zip(plugins, packages, strict=True)])
    for kind in (*REGISTRABLE, EXTENSION):
        lines = sorted(line for one, line in zip(plugins, cells, strict=True) if one["kind"] == kind.name)
        if lines:
            blocks.append("\n".join((kind.plural.capitalize(), *lines)))
    return "\n\n".join(blocks)


def described(found: Found | Registered, registered: Registered | None) -> dict[str, Any]:
    """Everything `show` knows of one plugin, as plain values."""
    factory: Any = registered.factory if registered is not None else None
    capabilities = getattr(factory, "capabilities", None)
    return {
        **row(found),
        "docs": found.docs if isinstance(found, Found) else "",
        "description": inspect.getdoc(factory) or "" if inspect.isclass(factory) else "",
        "settings": fields(registered.settings) if registered is not None else [],
        "environment": [
            {"field": field, "variables": list(names)}
            for field, names in (
                ("api_key", getattr(factory, "api_key_env", ())),
                ("api_base", getattr(factory, "api_base_env", ())),
            )
            if names
        ],
        "operations": sorted(capabilities.operations) if isinstance(capabilities, Capabilities) else [],
        "features": sorted(capabilities.features) if isinstance(capabilities, Capabilities) else [],
    }


def fields(settings: type[BaseModel] | None) -> list[dict[str, Any]]:
    """The keys that a config may give: name, type, default, description."""
    if settings is None:
        return []
    return [
        {
            "name": field.alias or name,
            "type": type_text(field.annotation),
            "required": field.is_required(),
            "default": default_text(field),
            "description": field.description or "",
        }
        for name, field in settings.model_fields.items()
        if name not in SET_BY_THE_CORE
    ]


def sheet(one: dict[str, Any]) -> str:
    """What `show` prints of one plugin."""
    lines = [f"{one['name']} · {one['kind'].replace('_', ' ')} · {one['package']} {one['version']}"]
    lines += [f"  {one['summary']}"] if one["summary"] else []
    lines += [f"  {one['docs']}"] if one["docs"] else []
    if one["description"]:
        lines += ["", *(f"  {line}".rstrip() for line in one["description"].splitlines())]
    if one["settings"]:
        lines += ["", "Settings", *_columns([_setting(field) for field in one["settings"]])]
    if one["environment"]:
        rows = [(entry["field"], ", ".join(entry["variables"])) for entry in one["environment"]]
        lines += ["", "From the environment, where the config says nothing", *_columns(rows)]
    if one["operations"]:
        lines += ["", f"Operations  {', '.join(one['operations'])}"]
        lines += [f"Features    {', '.join(one['features']) or 'none'}"]
    return "\n".join(lines)


def type_text(annotation: Any) -> str:
    """A type as a person would write it: `str | None`, `list[str]`."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "").replace("pathlib.", "")


def default_text(field: FieldInfo) -> str:
    """The default of a field; of one that is not shown in logs only whether there is one."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=False)
    if field.default_factory is not None:
        return "made at start" if field.default_factory not in (dict, list, set, tuple) else "empty"
    if value in ({}, [], ""):
        return "empty"
    return "set, not shown" if not field.repr and value is not None else _plain(value)


def next_steps(folder: Path, kind: Kind, name: str) -> str:
    """What to do with a new package."""
    module = folder / "src" / folder.name.replace("-", "_") / "__init__.py"
    return "\n".join(
        (
            f"Made {folder}: a {kind.word} that works as it is.",
            f"  Write it:         {module}",
            f'  Test it:          cd {folder} && pip install -e ".[test]" && pytest',
            f"  See it as users:  tianji plugins show {name}",
            "  Its README says what goes into the config.",
        )
    )


def _setting(field: dict[str, Any]) -> tuple[str, ...]:
    state = "required" if field["required"] else f"default: {field['default']}"
    return field["name"], field["type"], state, field["description"]


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
