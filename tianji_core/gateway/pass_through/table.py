"""What is passed through, and with which row's credential.

Rows of a provider lend their credentials to its prefix: those that say `use_in_pass_through: true` if any does, else
all that do not say false. Of several, the one whose model the request names is taken, else the first. Without a row,
what the environment says (`GROQ_API_KEY`) makes one, if the provider is installed: its package is imported then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import ValidationError

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, NotFoundError, PermissionDeniedError
from tianji_core.api.http import Network
from tianji_core.api.pass_through import Named, PassThrough
from tianji_core.api.provider import Provider, ProviderSettings
from tianji_core.discovery import PluginError
from tianji_core.gateway.deployments import secrets_of, shown_url
from tianji_core.gateway.pass_through.endpoints import METHODS, Endpoint
from tianji_core.gateway.pass_through.paths import checked_path
from tianji_core.routing import Deployment, ModelTable
from tianji_core.routing.models import WILDCARD
from tianji_core.telemetry import get_logger
from tianji_core.transport import Timeouts, Transport

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

log = get_logger("tianji.pass_through")

ALIASES = {"openai_passthrough": "openai", "vertex-ai": "vertex_ai"}
"""Prefixes that the reference has beside the names of providers."""
DIALECTS = {"anthropic": "messages", "gemini": "gemini", "vertex_ai": "gemini"}
"""How errors are told before the provider, which says it itself, has been loaded."""


class Place:
    """A path, or all below a prefix, that is passed through."""

    methods: frozenset[str] = METHODS
    public = False
    """Whether anybody may call it."""
    dialect = "openai"
    """How our own errors are told."""
    guardrails: tuple[str, ...] = ()
    cost: float | None = None
    forwards_all = False
    """Whether all harmless header fields of the client go on, not only those that are known to be of use."""

    def __init__(self, name: str, prefix: str, timeouts: Timeouts) -> None:
        self.name = name
        self.prefix = prefix
        """What stands before the vendor's own path: it begins with a slash, and ends without one."""
        self.timeouts = timeouts

    def rest(self, raw: str) -> str:
        """What of a path, percent-encoded, is the vendor's. Raises BadRequestError."""
        segments = raw.split("/")
        depth = self.prefix.count("/") + 1
        if unquote("/".join(segments[:depth])) != self.prefix:
            raise BadRequestError("This path cannot be passed on.")
        return checked_path("/" + "/".join(segments[depth:]))

    async def rows(self) -> tuple[Deployment, ...]:
        """The deployments whose credentials are lent. Raises NotFoundError if there are none."""
        raise NotImplementedError

    async def choose(self, request: PassThrough, principal: Principal) -> tuple[Deployment, str]:
        """The row that lends its credential, and the model that is asked for, if that can be told.

        Raises PermissionDeniedError for a caller with models of his own, if the request might reach another one.
        """
        raise NotImplementedError


class Vendor(Place):
    """A provider's own API, under its name."""

    def __init__(
        self, table: PassThroughTable, name: str, prefix: str, rows: tuple[Deployment, ...], timeouts: Timeouts
    ) -> None:
        super().__init__(name, prefix, timeouts)
        self._table = table
        self._rows = rows
        self.dialect = rows[0].provider.error_dialect if rows else DIALECTS.get(name, "openai")

    async def rows(self) -> tuple[Deployment, ...]:
        return self._rows or await self._table.made_of_environment(self.name)

    async def choose(self, request: PassThrough, principal: Principal) -> tuple[Deployment, str]:
        rows = await self.rows()
        named = rows[0].provider.pass_through_models(request)
        if principal.models:
            return _permitted(rows, named, principal, self._table.models), named.models[0]
        best = max(rows, key=lambda row: _fits(row, named))  # the first of those that fit alike
        return best, named.models[0] if named.models else ""


class Target(Place):
    """An endpoint of the config."""

    def __init__(self, endpoint: Endpoint, deployment: Deployment, timeouts: Timeouts) -> None:
        super().__init__(deployment.id, endpoint.path, timeouts)
        row = endpoint.row
        self.methods = endpoint.methods
        self.public = not row.auth
        self.guardrails = tuple(row.guardrails)
        self.cost = row.cost_per_request or None
        self.forwards_all = row.forward_headers
        self.below = row.include_subpath
        self._deployment = deployment

    async def rows(self) -> tuple[Deployment, ...]:
        return (self._deployment,)

    async def choose(self, request: PassThrough, principal: Principal) -> tuple[Deployment, str]:
        if principal.models:
            raise _forbidden()
        models = self._deployment.provider.pass_through_models(request).models
        return self._deployment, models[0] if models else ""


class PassThroughTable:
    """Everything that one gateway passes through. A reload makes a new one."""

    def __init__(
        self, gateway: Gateway, transport: Transport, network: Network, endpoints: tuple[Endpoint, ...]
    ) -> None:
        """`transport` and `network` are for what is no deployment of the config."""
        general = gateway.config.general_settings
        patience = general.pass_through_request_timeout or None
        timeouts = Timeouts(first_byte=patience, between_chunks=patience, total=None)
        self._timeouts = timeouts
        self._gateway = gateway
        self._transport = transport
        self._network = network
        self._made: dict[str, tuple[Deployment, ...]] = {}
        self._making = asyncio.Lock()
        self.models: ModelTable = gateway.pipeline.models
        self.vendors: frozenset[str] | None = (
            None if general.pass_through_vendors is None else frozenset(general.pass_through_vendors)
        )
        self._families = _families(self.models)
        self._prefixes = {name: family for family, rows in self._families.items() for name in _names(family, rows)}
        self._exact: dict[str, list[Target]] = {}
        for endpoint in endpoints:
            self._add(endpoint)
        longest_first = sorted(self._exact, key=len, reverse=True)
        self._below = [(path, target) for path in longest_first for target in self._exact[path] if target.below]

    def find(self, path: str, method: str) -> Place | None:
        """What serves a path, decoded: an endpoint of the config, else the vendor that its first segment names."""
        targets = self._exact.get(path.rstrip("/")) or [
            target for prefix, target in self._below if path.startswith(f"{prefix}/")
        ]
        if targets:
            return next((target for target in targets if method in target.methods), targets[0])
        first = path[1:].partition("/")[0]
        name = ALIASES.get(first, first)
        if self.vendors is not None and not self.vendors & {first, name}:
            return None
        family = self._prefixes.get(name)
        rows = self._families[family] if family is not None else ()
        if family is None and name not in self._gateway.registry.names("provider"):
            return None
        return Vendor(self, name, f"/{first}", rows, self._timeouts)

    def targets(self) -> list[Target]:
        """The endpoints of the config."""
        return [target for targets in self._exact.values() for target in targets]

    async def made_of_environment(self, name: str) -> tuple[Deployment, ...]:
        """A deployment of a provider that no row names, made of what the environment says. Raises NotFoundError."""
        async with self._making:
            made = self._made.get(name)
            if made is None:
                provider = await asyncio.to_thread(self._provider, name)
                family = provider.route_name or provider.name
                made = self._families.get(family) or (self._deployment(f"pass_through/{name}", name, provider),)
                self._made[name] = made
        return made

    def _provider(self, name: str) -> Provider:
        """Imports the provider's package, if nobody has yet."""
        values: dict[str, Any] = {"environ": self._gateway.loaded.environ}
        if name == "vertex_ai":
            values.update(self._gateway.config.default_vertex_config)
        try:
            registered = self._gateway.registry.load("provider", name, "Pass-through")
            provider = registered.factory((registered.settings or ProviderSettings).model_validate(values))
        except (PluginError, ValidationError, ValueError) as error:
            log.info("provider cannot be used for pass-through", provider=name, error=str(error))
            raise NotFoundError(f"Provider {name!r} is not set up: it needs a row in model_list.") from None
        if not isinstance(provider, Provider) or not offers_pass_through(provider):
            raise NotFoundError(f"Provider {name!r} offers no pass-through.")
        return provider

    def _add(self, endpoint: Endpoint) -> None:
        timeouts = self._timeouts
        if endpoint.row.timeout:
            timeouts = Timeouts(first_byte=endpoint.row.timeout, between_chunks=endpoint.row.timeout, total=None)
        deployment = self._deployment(f"pass_through{endpoint.path}", "pass_through", endpoint.provider)
        self._exact.setdefault(endpoint.path, []).append(Target(endpoint, deployment, timeouts))

    def _deployment(self, identifier: str, name: str, provider: Provider) -> Deployment:
        """A deployment that no row stands for."""
        made = Deployment(
            id=identifier,
            model_name="",
            model="",
            provider_name=name,
            provider=provider,
            transport=self._transport,
            network=self._network,
            timeouts=self._timeouts,
            stream_timeouts=self._timeouts,
            secrets=secrets_of(provider),
            api_base=shown_url(getattr(provider, "api_base", None)),
            needs_authorize=type(provider).authorize is not Provider.authorize,
        )
        if self._gateway.prices is not None:
            made.pricing = self._gateway.prices.pricing(made)
        return made


def offers_pass_through(provider: Provider) -> bool:
    """Whether there is a vendor behind it that requests can be passed to."""
    return type(provider).build_pass_through is not Provider.build_pass_through


def _families(models: ModelTable) -> dict[str, tuple[Deployment, ...]]:
    """The rows that lend their credentials, by what their pass-through is called; in the order of the config."""
    found: dict[str, list[Deployment]] = {}
    for deployment in models.deployments:
        provider, lent = deployment.provider, deployment.in_pass_through
        if lent is None:  # what a row holds its callers to, such as a guardrail at the vendor, holds no longer there
            lent = not deployment.fixed
        if lent and deployment.mock_response is None and offers_pass_through(provider):
            found.setdefault(provider.route_name or provider.name, []).append(deployment)
    return {family: tuple([row for row in rows if row.in_pass_through] or rows) for family, rows in found.items()}


def _names(family: str, rows: tuple[Deployment, ...]) -> set[str]:
    return {family, *(row.provider_name for row in rows)}


def _fits(row: Deployment, named: Named) -> int:
    """How well a row serves the models that a request names: 2 by name, 1 by a wildcard."""
    identifier = row.provider.pass_through_id(row.model)
    if identifier in named.models:
        return 2
    if WILDCARD not in identifier:
        return 0
    head, _, tail = identifier.partition(WILDCARD)
    return int(any(model.startswith(head) and model.endswith(tail) for model in named.models))


def _permitted(rows: tuple[Deployment, ...], named: Named, principal: Principal, models: ModelTable) -> Deployment:
    """The row for a caller with models of his own: one that serves them. Raises PermissionDeniedError."""
    reach: dict[str, Deployment] = {}
    for name in sorted(principal.models):
        target = models.resolve(name)
        for row in target.deployments if target is not None else ():
            if target is not None and row in rows:
                reach.setdefault(row.provider.pass_through_id(target.upstream_model(row)), row)
    if not named.only or not named.models or any(model not in reach for model in named.models):
        raise _forbidden()
    return reach[named.models[0]]


def _forbidden() -> PermissionDeniedError:
    return PermissionDeniedError(
        "This key may call some models only, and this request might reach another one.",
        type="key_model_access_denied",
        param="model",
    )
