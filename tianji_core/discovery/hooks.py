"""The pluggy side: a manager that knows the hooks, and what is checked before a module may hang into it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pluggy

from tianji_core import hookspecs
from tianji_core.discovery.errors import closest

MAY_BE_ASYNC_GENERATOR = frozenset({"tianji_lifespan"})
"""Hooks whose answer may be an async iterator, which nobody awaits."""


def new_manager() -> pluggy.PluginManager:
    """A manager that knows every hook and has no plugin yet."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def hook_names(manager: pluggy.PluginManager) -> list[str]:
    """The hooks there are."""
    return sorted(name for name, caller in vars(manager.hook).items() if caller.has_spec())


def implementations(manager: pluggy.PluginManager, module: Any) -> Iterator[tuple[str, str, Any]]:
    """What a module marks with `@hookimpl`: hook, name of the function, function."""
    for attribute in dir(module):
        options = manager.parse_hookimpl_opts(module, attribute)
        if options is not None:
            yield options.get("specname") or attribute, attribute, getattr(module, attribute)


def objections(manager: pluggy.PluginManager, module: Any) -> list[tuple[str, str]]:
    """What is wrong with a module's hooks, each as what and what to do: pluggy sees less of it, and only later."""
    known = hook_names(manager)
    wrong = []
    for hook, attribute, function in implementations(manager, module):
        plain = inspect.unwrap(function)
        if inspect.iscoroutinefunction(plain) or (
            inspect.isasyncgenfunction(plain) and hook not in MAY_BE_ASYNC_GENERATOR
        ):
            wrong.append(
                (
                    f"its hook {attribute} is an async function, and nobody awaits hooks",
                    "Hooks run while the gateway starts: make it a plain def. Only the objects wait.",
                )
            )
        options: Any = manager.parse_hookimpl_opts(module, attribute)
        if hook not in known and not options["optionalhook"]:
            near = closest(hook, known, limit=1)
            advice = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}"
            wrong.append((f"it implements a hook that does not exist: {hook}", advice))
    return wrong


def unmarked(manager: pluggy.PluginManager, module: Any) -> list[str]:
    """Functions that are called like a hook but were not marked as one."""
    marked = {attribute for _, attribute, _ in implementations(manager, module)}
    return [
        name for name in hook_names(manager) if name not in marked and inspect.isfunction(getattr(module, name, None))
    ]
