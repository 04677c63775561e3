"""From an entry point to a module that may register: the checks on the way, each with its own words."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pluggy
from packaging.version import Version
from pydantic import BaseModel

from tianji_core import __version__
from tianji_core.discovery.errors import PluginError, one_line
from tianji_core.discovery.hooks import objections
from tianji_core.discovery.kinds import Kind
from tianji_core.discovery.scan import Found

CORE = "tianji-core"

Registration = tuple[Kind, str, Callable[[Any], Any], type[BaseModel] | None]


@dataclass(slots=True)
class Desk:
    """Where one module's registrations are taken, to be kept only if all of them are good.

    `who` begins every error: who wants what.
    """

    module: str
    distribution: str | None
    version: str | None
    who: str
    taken: list[Registration] = field(default_factory=list)

    @classmethod
    def of_package(cls, found: Found, who: str) -> Desk:
        """For the module of an installed package."""
        return cls(found.target, found.distribution, found.version, who)

    @classmethod
    def of_process(cls, module: str) -> Desk:
        """For what the running process registers itself: the core, a test, a program that embeds the gateway."""
        ours = module.partition(".")[0] == "tianji_core"
        return cls(module, CORE if ours else None, __version__ if ours else None, f"This process registers {module}")

    @property
    def package(self) -> str:
        """Who the registrations come from, for people."""
        return f"{self.distribution} {self.version}" if self.distribution else self.module

    def error(self, what: str, *hints: str) -> PluginError:
        """An error about this module: `<who wants it>, <what is wrong>`."""
        return PluginError(f"{self.who}, {what}.", *hints)


def import_module(found: Found, desk: Desk) -> ModuleType:
    """Import a plugin's module, if its package was made for this core. Raises PluginError."""
    check_core_version(found, desk)
    entry_point = found.entry_point
    if EntryPoint.pattern.match(entry_point.value) is None or entry_point.attr:
        raise desk.error(
            f"but the entry point of {desk.package} is {entry_point.value!r}, which is not a module",
            f'Its author has to write just the module: {found.name} = "{_module_part(entry_point.value)}"',
        )
    try:
        return importlib.import_module(found.target)
    except (Exception, SystemExit) as error:
        raise desk.error(f"but {desk.package} cannot be imported: {one_line(error)}", *_help(found, error)) from error


def check_core_version(found: Found, desk: Desk) -> None:
    """Refuse a package that says it needs another core, before any of its code runs. Raises PluginError."""
    for requirement in found.core_requirements():
        if not requirement.specifier.contains(Version(__version__), prereleases=True):
            raise desk.error(
                f"but {desk.package} needs {CORE}{requirement.specifier} and this is {CORE} {__version__}",
                f"Get the two in step:  pip install --upgrade {found.distribution} {CORE}",
            )


def check_hooks(manager: pluggy.PluginManager, module: ModuleType, desk: Desk) -> None:
    """Refuse async and misspelt hooks before any hook is run. Raises PluginError."""
    wrong = objections(manager, module)
    if wrong:
        what, advice = wrong[0]
        raise desk.error(f"but {desk.package} cannot be used: {what}", advice)


def check_registration(desk: Desk, kind: Kind, name: Any, factory: Any, settings: Any) -> None:
    """Refuse what cannot be made later. Raises PluginError."""
    if not isinstance(name, str) or not name:
        raise desk.error(f"but {desk.package} registers a {kind.word} whose name is {name!r}", "A name is a text.")
    what = f'but {desk.package} registers {kind.word} "{name}"'
    if any(taken is kind and other == name for taken, other, _, _ in desk.taken):
        raise desk.error(f"{what} twice")
    if not callable(factory):
        raise desk.error(
            f"{what} with a factory that cannot be called: {_type(factory)}",
            "Register the class, or a function that makes the object from its settings.",
        )
    if inspect.iscoroutinefunction(inspect.unwrap(factory)):
        raise desk.error(
            f"{what} with an async factory", "Objects are made while the gateway starts: make it a plain function."
        )
    if settings is None:
        return
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        raise desk.error(
            f"{what} with settings that are not a pydantic model: {_type(settings)}",
            "Give the class itself: settings=Settings, where Settings subclasses pydantic.BaseModel.",
        )
    if kind.settings is not None and not issubclass(settings, _base(kind.settings)):
        raise desk.error(
            f"{what} with settings that lack what every {kind.word} has",
            f"Let {settings.__name__} subclass {kind.settings}.",
        )


def _base(dotted: str) -> type[BaseModel]:
    module, _, attribute = dotted.rpartition(".")
    base: type[BaseModel] = getattr(importlib.import_module(module), attribute)
    return base


def _type(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of class {type(value).__name__}"


def _module_part(value: str) -> str:
    return value.partition(":")[0].strip()


def _help(found: Found, error: BaseException) -> list[str]:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name.partition(".")[0] == found.target.partition(".")[0]:
            return [f"Its files are missing or incomplete:  pip install --force-reinstall {found.distribution}"]
        return [f"It needs a module that is not installed:  pip install {found.distribution}  brings what it asks for."]
    return ["The whole traceback is shown with --debug."]
