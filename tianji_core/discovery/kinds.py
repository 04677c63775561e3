"""The kinds of plugins: how each is called in texts, in package names and in entry points."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `name` is what the code says, `short` what package names say, `word` and `plural` what people read.

    `group` is the entry-point group; None for kinds that only an extension registers. `settings` is the dotted name of
    the model that the settings of this kind have to subclass, None where any pydantic model will do.
    """

    name: str
    short: str
    word: str
    plural: str
    hook: str
    group: str | None = None
    settings: str | None = None

    def package(self, name: str) -> str:
        """The distribution name that a plugin of this kind has by convention."""
        return f"tianji-{self.short}-{name.lower().replace('_', '-')}"


PROVIDER = Kind(
    "provider",
    "provider",
    "provider",
    "providers",
    "tianji_register_providers",
    "tianji.providers",
    "tianji_core.api.provider.ProviderSettings",
)
ROUTING_STRATEGY = Kind(
    "routing_strategy",
    "routing",
    "routing strategy",
    "routing strategies",
    "tianji_register_routing_strategies",
    "tianji.routing_strategies",
)
CALLBACK = Kind("callback", "callback", "callback", "callbacks", "tianji_register_callbacks", "tianji.callbacks")
GUARDRAIL = Kind(
    "guardrail",
    "guardrail",
    "guardrail",
    "guardrails",
    "tianji_register_guardrails",
    "tianji.guardrails",
    "tianji_core.api.guardrail.GuardrailSettings",
)
AUTH_BACKEND = Kind(
    "auth_backend", "auth", "auth backend", "auth backends", "tianji_register_auth_backends", "tianji.auth_backends"
)
SECRET_SOURCE = Kind("secret_source", "secrets", "secret source", "secret sources", "tianji_register_secret_sources")
CACHE = Kind(
    "cache",
    "cache",
    "cache",
    "caches",
    "tianji_register_caches",
    "tianji.caches",
    "tianji_core.api.cache.CacheSettings",
)
EXTENSION = Kind("extension", "extension", "extension", "extensions", "", "tianji.extensions")

PLUGIN_KINDS = (PROVIDER, ROUTING_STRATEGY, CALLBACK, GUARDRAIL, AUTH_BACKEND, CACHE)
"""The kinds a package of its own may have."""
REGISTRABLE = (*PLUGIN_KINDS, SECRET_SOURCE)
"""The kinds that have a registration hook."""
KINDS = tuple(kind.name for kind in PLUGIN_KINDS)

BY_NAME = {kind.name: kind for kind in REGISTRABLE}
BY_GROUP = {kind.group: kind for kind in (*PLUGIN_KINDS, EXTENSION) if kind.group is not None}
BY_SHORT = {kind.short: kind for kind in PLUGIN_KINDS}


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises ValueError for a name that is none: a mistake of the caller, not of a user."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise ValueError(f"no such kind of plugin: {name!r}; there are {', '.join(BY_NAME)}") from None
