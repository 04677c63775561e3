"""Everything that is wrong with a plugin, not just what stops it first: `tianji plugins check`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from tianji_core.api.provider import Capabilities
from tianji_core.discovery.errors import PluginError
from tianji_core.discovery.hooks import unmarked
from tianji_core.discovery.kinds import BY_NAME, EXTENSION
from tianji_core.discovery.registry import Registered, Registry
from tianji_core.discovery.scan import Found

BASES = {
    "provider": "tianji_core.api.provider.Provider",
    "routing_strategy": "tianji_core.api.routing.RoutingStrategy",
    "callback": "tianji_core.api.callback.Callback",
    "guardrail": "tianji_core.api.guardrail.Guardrail",
    "auth_backend": "tianji_core.api.auth.AuthBackend",
    "cache": "tianji_core.api.cache.Cache",
}
ASYNC = {
    "provider": ("authorize",),
    "callback": ("on_call", "aclose"),
    "guardrail": ("check", "aclose"),
    "auth_backend": ("authenticate", "aclose"),
    "cache": (
        "start",
        "get",
        "set",
        "get_many",
        "set_many",
        "delete",
        "clear",
        "ping",
        "info",
        "aclose",
    ),
}


def examine(registry: Registry, found: Found) -> list[str]:
    """Load a plugin as the gateway would, and look at what it registered. Empty if nothing is wrong."""
    try:
        if found.kind == EXTENSION.name:
            registry.load_extension(found.name, wanted_by="tianji plugins check")
            return []
        registered = registry.load(found.kind, found.name, wanted_by="tianji plugins check")
    except PluginError as error:
        return [str(error)]
    problems = list(_of_object(registered))
    if not found.core_requirements():
        problems.append(f"{found.distribution} does not say which tianji-core it needs: add it to its dependencies")
    module = importlib.import_module(found.target)
    problems += [
        f"{name} in {found.target} lacks @hookimpl, so it is never called" for name in unmarked(registry.pm, module)
    ]
    return problems


def _of_object(registered: Registered) -> Iterator[str]:
    """What can be told without making the object, which may need a key or a network."""
    factory: Any = registered.factory
    if not inspect.isclass(factory) or registered.kind not in BASES:
        return
    name = factory.__name__
    module, _, attribute = BASES[registered.kind].rpartition(".")
    base = getattr(importlib.import_module(module), attribute)
    if not issubclass(factory, base):
        yield f"{name} does not subclass {BASES[registered.kind]}"
        return
    if missing := sorted(getattr(factory, "__abstractmethods__", ())):
        yield f"{name} lacks {', '.join(missing)}"
    for method in ASYNC.get(registered.kind, ()):
        if not inspect.iscoroutinefunction(inspect.unwrap(getattr(factory, method))):
            yield f"{name}.{method} has to be an async function"
    for method in _plain(base, ASYNC.get(registered.kind, ())):
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(factory, method))):
            yield f"{name}.{method} must not be an async function: the core calls it in place"
    if registered.kind == "provider":
        yield from _of_provider(factory, registered)
    elif registered.settings is None and _parameters(factory) == 0:
        yield f"{name} is made without an argument, but a factory is given its settings"


def _of_provider(factory: Any, registered: Registered) -> Iterator[str]:
    name = factory.__name__
    if not isinstance(getattr(factory, "capabilities", None), Capabilities):
        yield f"{name}.capabilities has to be a Capabilities object"
    if not isinstance(getattr(factory, "name", None), str):
        yield f'{name}.name has to be a text: "{registered.name}"'
    for variables in ("api_key_env", "api_base_env"):
        value = getattr(factory, variables, ())
        if isinstance(value, str) or not all(isinstance(each, str) for each in value):
            yield f"{name}.{variables} has to be a tuple of names"
    if wrong := [each for each in factory.forward_headers if each != each.lower()]:
        yield f"{name}.forward_headers has to be in lower case: {', '.join(wrong)}"


def _plain(base: type, asynchronous: Iterable[str]) -> list[str]:
    return [name for name in getattr(base, "__abstractmethods__", ()) if name not in tuple(asynchronous)]


def _parameters(factory: Any) -> int:
    try:
        return len(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # some built-in classes have no signature: nothing can be said
        return 1


def names_like(registry: Registry, name: str) -> list[Found]:
    """The installed plugins that a person may mean: by name, `kind:name`, or the package's name."""
    kind, _, rest = name.partition(":")
    if rest:
        kinds = {kind, *(one.name for one in BY_NAME.values() if kind in (one.short, one.word))}
        return [found for found in registry.installed() if found.name == rest and found.kind in kinds]
    installed = registry.installed()
    return [found for found in installed if found.name == name] or [
        found for found in installed if found.distribution == name
    ]
