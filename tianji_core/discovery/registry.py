"""The registry: which plugins there are, and those that the config named, loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import Any

from packaging.utils import canonicalize_name
from pydantic import BaseModel

from tianji_core.discovery import loading, missing
from tianji_core.discovery.errors import PluginError, one_line
from tianji_core.discovery.hooks import new_manager, unmarked
from tianji_core.discovery.kinds import BY_NAME, EXTENSION, REGISTRABLE, Kind, kind_named
from tianji_core.discovery.loading import Desk
from tianji_core.discovery.scan import Found, Scan


@dataclass(frozen=True, slots=True)
class Registered:
    """Something that can be made: what a plugin handed to `register`, and where it came from.

    `distribution` and `version` are None for objects that the running process registered itself.
    """

    kind: str
    name: str
    factory: Callable[[Any], Any]
    settings: type[BaseModel] | None
    distribution: str | None
    version: str | None
    module: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """One imported module of hooks and all it registered; `distribution` and `version` as in `Registered`."""

    distribution: str | None
    version: str | None
    module: str
    registered: tuple[Registered, ...]


class Registry:
    """Finds plugins by kind and name, and loads just those that are asked for.

    What the process registers itself (`register`, `include`) comes before anything installed under the same name.
    Every error of a plugin is a `PluginError`; one that was refused leaves nothing behind, and can be tried again.
    """

    def __init__(self, scan: Scan | None = None) -> None:
        self._scan = scan or Scan((), ())
        self._ready: dict[tuple[str, str], Registered] = {}
        self._modules: dict[str, Loaded] = {}
        self._desk: Desk | None = None
        self.pm = new_manager()
        for kind in REGISTRABLE:  # once; pluggy replays it for every module that is registered later
            caller = getattr(self.pm.hook, kind.hook)
            caller.call_historic(kwargs={"register": functools.partial(self._take, kind)})

    @classmethod
    def scan(cls, entry_points: Iterable[metadata.EntryPoint] | None = None) -> Registry:
        """A registry of everything installed, or of the entry points given. Imports none of them."""
        return cls(Scan.of(entry_points))

    # What there is

    def installed(self) -> list[Found]:
        """Every installed plugin of every kind, extensions included, by kind and name."""
        return list(self._scan.found)

    def strays(self) -> list[metadata.EntryPoint]:
        """Entry points whose group begins like ours and does not exist."""
        return list(self._scan.strays)

    def loaded(self) -> list[Loaded]:
        """The modules imported so far."""
        return list(self._modules.values())

    def registered(self, kind: str | None = None) -> list[Registered]:
        """What is ready to be made, by kind and name."""
        return [self._ready[key] for key in sorted(self._ready) if kind in (None, key[0])]

    def names(self, kind: str) -> list[str]:
        """The names of a kind that a config may use now: installed ones and registered ones."""
        kind_named(kind)
        installed = {found.name for found in self._scan.found if found.kind == kind}
        return sorted(installed | {name for of, name in self._ready if of == kind})

    # What the process brings along

    def register(
        self, kind: str, name: str, factory: Callable[[Any], Any], settings: type[BaseModel] | None = None
    ) -> Registered:
        """Register an object of this process: a built-in of the core, or one in a test.

        Raises PluginError for a factory or settings that no plugin could register either, and for a name taken.
        """
        module = getattr(factory, "__module__", None) or "__main__"
        desk = Desk.of_process(module)
        self._admit(desk, kind_named(kind), name, factory, settings)
        self._commit(desk)
        return self._ready[kind, name]

    def include(self, module: ModuleType) -> Loaded:
        """Hang in a module of hooks that the process has imported already: the core's own plugins use this."""
        loaded = self._modules.get(module.__name__)
        return loaded or self._hang_in(Desk.of_process(module.__name__), module)

    # What the config names

    def load(self, kind: str, name: str, wanted_by: str | None = None) -> Registered:
        """Import exactly the plugin of that kind and name, unless it is there already.

        `wanted_by` says in errors who asks for it: `proxy_config.yaml:14: model_list[2]`. Raises PluginError.
        """
        which = kind_named(kind)
        ready = self._ready.get((kind, name))
        if ready is not None:
            return ready
        who = f'{wanted_by or "The gateway"} wants {which.word} "{name}"'
        candidates = self._scan.named(kind, name)
        if not candidates:
            raise missing.not_installed(self._scan, which, name, self.names(kind), who)
        found = candidates[0]
        for other in candidates[1:]:
            if not other.same_package(found):
                raise missing.twice(who, [found, other])
        desk = Desk.of_package(found, who)
        known = self._modules.get(found.target)
        if known is None:
            module = loading.import_module(found, desk)
            self._hang_in(desk, module, only=(which, name))
        ready = self._ready.get((kind, name))
        if ready is None:  # imported before, for another name it has
            raise desk.error(f'but {found.package} registers no {which.word} "{name}"')
        return ready

    def load_extension(self, name: str, wanted_by: str | None = None) -> list[Loaded]:
        """Import an entry of `plugins:`: the extension of that name, or all plugins of the package of that name.

        Raises PluginError.
        """
        who = f'{wanted_by or "The gateway"} wants extension "{name}"'
        chosen = self._scan.named(EXTENSION.name, name)
        for other in chosen[1:]:
            if not other.same_package(chosen[0]):
                raise missing.twice(who, [chosen[0], other])
        if not chosen:
            wanted = canonicalize_name(name)
            chosen = [found for found in self._scan.found if canonicalize_name(found.distribution) == wanted]
        if not chosen:
            raise missing.no_extension(self._scan, name, who)
        result = {}
        for found in chosen:
            desk = Desk.of_package(found, who)
            if found.target not in self._modules:
                module = loading.import_module(found, desk)
                self._hang_in(desk, module)
            result[found.target] = self._modules[found.target]
        return list(result.values())

    # How a module gets in

    def _hang_in(self, desk: Desk, module: ModuleType, only: tuple[Kind, str] | None = None) -> Loaded:
        """Register a module with pluggy, which replays the registration hooks, and keep what it brought."""
        loading.check_hooks(self.pm, module, desk)
        self._desk = desk
        try:
            self.pm.register(module, module.__name__)
            self.pm.check_pending()
            self._check_names(desk, module, only)
        except BaseException as error:
            if self.pm.is_registered(module):
                self.pm.unregister(module)
            if isinstance(error, PluginError) or not isinstance(error, Exception | SystemExit):
                raise
            raise desk.error(f"but {desk.package} fails in its hooks: {one_line(error)}") from error
        finally:
            self._desk = None
        loaded = self._modules[module.__name__] = self._commit(desk)
        return loaded

    def _take(self, kind: Kind, name: str, factory: Any, settings: Any = None) -> None:
        """The `register` that hooks are given."""
        desk = self._desk
        if desk is None:  # kept by a plugin and called later, or a module given to `pm` directly
            desk = Desk.of_process(getattr(factory, "__module__", None) or "__main__")
            self._admit(desk, kind, name, factory, settings)
            self._commit(desk)
        else:
            self._admit(desk, kind, name, factory, settings)

    def _admit(self, desk: Desk, kind: Kind, name: Any, factory: Any, settings: Any) -> None:
        loading.check_registration(desk, kind, name, factory, settings)
        holder = self._ready.get((kind.name, name))
        if holder is not None:
            owner = f"{holder.distribution} {holder.version}" if holder.distribution else holder.module
            raise desk.error(
                f'but both {owner} and {desk.package} register {kind.word} "{name}"', "Uninstall one of the two."
            )
        desk.taken.append((kind, name, factory, settings))

    def _check_names(self, desk: Desk, module: ModuleType, only: tuple[Kind, str] | None) -> None:
        """A package registers the names of its entry points: the wanted one, and none that the config cannot see.

        Otherwise what a name means would depend on which other plugins were loaded before. Extensions are free.
        """
        if only is None:
            return
        kind, name = only
        taken = [(kind.name, name) for kind, name, _, _ in desk.taken]
        if (kind.name, name) not in taken:
            raise missing.registers_nothing(desk, kind, name, unmarked(self.pm, module))
        listed = {(one.kind, one.name) for one in self._scan.found if one.target == module.__name__}
        if any(of == EXTENSION.name for of, _ in listed):
            return
        for of, extra in taken:
            if (of, extra) not in listed:
                unlisted = BY_NAME[of]
                raise desk.error(
                    f'but {desk.package} registers {unlisted.word} "{extra}" without an entry point',
                    f'Its author has to add {extra} = "{module.__name__}" to the group '
                    f"{unlisted.group or EXTENSION.group}.",
                )

    def _commit(self, desk: Desk) -> Loaded:
        ready = []
        for kind, name, factory, settings in desk.taken:
            one = Registered(kind.name, name, factory, settings, desk.distribution, desk.version, desk.module)
            self._ready[kind.name, name] = one
            ready.append(one)
        return Loaded(desk.distribution, desk.version, desk.module, tuple(ready))
