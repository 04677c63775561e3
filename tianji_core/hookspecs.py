"""The hook contract: everything a plugin can hang into the gateway.

Hooks run while the gateway starts, never during a call: a plugin hands over factories, and the objects these make
carry the methods of the hot path (`tianji_core.api`). A hook must be a plain function; an `async def` is refused.

`register(name, factory, settings=None)` takes the name that a config uses, a callable that makes the object from its
validated settings, and the pydantic model of those settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel
    from starlette.routing import BaseRoute

PROJECT = "tianji"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """Hands one object factory of a plugin to the gateway."""

    def __call__(self, name: str, factory: Callable[[Any], Any], settings: type[BaseModel] | None = None) -> None: ...


@hookspec(historic=True)
def tianji_register_providers(register: Register) -> None:
    """Vendors: factories of `tianji_core.api.provider.Provider`; settings subclass `ProviderSettings`."""


@hookspec(historic=True)
def tianji_register_routing_strategies(register: Register) -> None:
    """Ways to pick a deployment: factories of `tianji_core.api.routing.RoutingStrategy`."""


@hookspec(historic=True)
def tianji_register_callbacks(register: Register) -> None:
    """Sinks for finished calls: factories of `tianji_core.api.callback.Callback`."""


@hookspec(historic=True)
def tianji_register_guardrails(register: Register) -> None:
    """Policies on requests and answers: factories of `tianji_core.api.guardrail.Guardrail`."""


@hookspec(historic=True)
def tianji_register_auth_backends(register: Register) -> None:
    """Ways to know callers: factories of `tianji_core.api.auth.AuthBackend`."""


@hookspec(historic=True)
def tianji_register_secret_sources(register: Register) -> None:
    """Where `os.environ/NAME` is looked up before the environment: factories of mappings, of which `get` is used."""


@hookspec(historic=True)
def tianji_register_caches(register: Register) -> None:
    """Stores for answers: factories of `tianji_core.api.cache.Cache`."""


@hookspec(firstresult=True)
def tianji_model_price(model: str, provider: str) -> Mapping[str, float] | None:
    """What a model costs, in the words of the price table (`input_cost_per_token`, …) and US dollars; None for models
    that the plugin knows nothing of. Goes over the price table; prices in the config go over this.
    """


@hookspec
def tianji_routes(gateway: Any) -> list[BaseRoute] | None:
    """More HTTP routes. Each needs a permission: wrap it with `tianji_core.server.permissions.route`."""


@hookspec
def tianji_lifespan(gateway: Any) -> AbstractAsyncContextManager[None] | None:
    """Something to open when the gateway starts and to close when it stops."""


@hookspec
def tianji_cli(group: click.Group) -> None:
    """More commands below `tianji`."""
