"""Write docs/reference/providers.md: what each provider can do, out of the declarations in its code.

    python scripts/provider_table.py [--check]

The gateway acts on the same declarations, so the page cannot promise more than it does.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from _generated import ROOT, main
from plugin_projects import folders, project_of, table_of

from tianji_core.api.provider import Feature, Operation, Provider
from tianji_core.discovery import Registry

HEAD = """\
# Providers

Written by `scripts/provider_table.py` out of what the packages declare; what is not declared is refused before any
request is sent. Each package is installed by its own name, and its page says more. Any other OpenAI-shaped server is
reached as `openai_compatible/…` with `api_base`, without a package.
"""
OPERATIONS = """
## Operations

`chat` also serves `/v1/completions` where a provider has no endpoint for it.
"""
FEATURES = """
## Features of chat

Models of one vendor differ; a parameter that one model lacks is refused for that model, or dropped with `drop_params`.
"""
KEYS = """
## Names and keys

The first variable that is set counts; `api_key` and `api_base` in `litellm_params` win over all of them.
"""


def providers() -> list[tuple[str, str, type[Provider]]]:
    """Name, package and class of each provider, by name; aliases of one class stay with their first name."""
    registry = Registry.scan()
    found = []
    for folder in folders():
        if table_of(folder)["kind"] != "provider":
            continue
        for name in project_of(folder).names:
            factory = registry.load("provider", name).factory
            if not (isinstance(factory, type) and issubclass(factory, Provider)):
                raise SystemExit(f"{folder.name}: {name} is registered with a factory that is no class")
            found.append((name, folder.name, factory))
    return sorted(found, key=lambda each: each[0])


def table(names: tuple[str, ...], rows: list[tuple[str, frozenset[str]]]) -> str:
    """A table of ticks."""
    head = f"| | {' | '.join(name.replace('_', ' ') for name in names)} |\n|---|{'---|' * len(names)}\n"
    return head + "".join(
        f"| `{title}` | {' | '.join('✓' if name in has else '' for name in names)} |\n" for title, has in rows
    )


def page() -> str:
    found = providers()
    text = HEAD + OPERATIONS + "\n" + table(get_args(Operation), [(n, c.capabilities.operations) for n, _, c in found])
    chats = [(name, c.capabilities.features) for name, _, c in found if "chat" in c.capabilities.operations]
    text += FEATURES + "\n" + table(get_args(Feature), chats)
    text += KEYS + "\n| Provider | Package | Key | Address |\n|---|---|---|---|\n"
    for name, package, cls in found:
        key, base = (", ".join(f"`{env}`" for env in names) for names in (cls.api_key_env, cls.api_base_env))
        text += f"| `{name}` | [{package}](../../plugins/{package}/README.md) | {key} | {base} |\n"
    return text


def files() -> dict[Path, str]:
    """The page as it has to be."""
    return {ROOT / "docs/reference/providers.md": page()}


if __name__ == "__main__":
    main(files)
