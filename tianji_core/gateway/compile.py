"""From a config to a gateway: every plugin loaded, every deployment made, every list a tuple of ready objects.

Whatever cannot work is found here, all of it in one go, and told with the config's file and line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from tianji_core.api.auth import AuthBackend
from tianji_core.api.callback import CallbackSettings
from tianji_core.api.http import Network
from tianji_core.api.settings import NO_LOCAL_FILES
from tianji_core.config import Config, ConfigError, Loaded, Problem, Report, Settings
from tianji_core.config.report import Severity
from tianji_core.config.schema import Deployment as Row
from tianji_core.discovery import PluginError, Registered, Registry, load_attribute
from tianji_core.discovery.errors import closest
from tianji_core.gateway.builtin import CustomAuth, MasterKey, register_builtins
from tianji_core.gateway.compile_callbacks import CallbackBuilder
from tianji_core.gateway.compile_guardrails import GuardrailBuilder
from tianji_core.gateway.compile_router import RouterBuilder
from tianji_core.gateway.compile_strategies import StrategyBuilder
from tianji_core.gateway.database import named_database
from tianji_core.gateway.deployments import DeploymentBuilder
from tianji_core.gateway.guardrails.asking import GatewayAsking
from tianji_core.gateway.limits import Limits
from tianji_core.gateway.named_redis import state_redis
from tianji_core.gateway.network import GatewayNetwork
from tianji_core.gateway.pipeline import Pipeline
from tianji_core.gateway.policies import Policies
from tianji_core.gateway.policies.build import Known, drafts_of
from tianji_core.gateway.prices import PriceBook, price_deployments, price_tables
from tianji_core.routing import Deployment, ModelTable, Stats
from tianji_core.state import RedisAddressError, State, make_state
from tianji_core.store import Database, DatabaseURLError
from tianji_core.telemetry import get_logger
from tianji_core.transport import HttptoolsTransport, Transport

if TYPE_CHECKING:
    from tianji_core.gateway.cache import ResponseCache
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.gateway.pass_through.endpoints import Endpoint
    from tianji_core.gateway.vendor_rows import VendorRows

KeyPath = tuple[str | int, ...]
log = get_logger("tianji.start")

MEBIBYTE = 1024 * 1024


class Compiler:
    """One run from config to parts. `problems` fills as it goes; `finish` raises them."""

    def __init__(self, loaded: Loaded, registry: Registry, predecessor: Gateway | None = None) -> None:
        self.loaded = loaded
        self.config: Config = loaded.config
        self.registry = registry
        self.settings = Settings.read(loaded.environ)
        self.problems: list[Problem] = []
        self.guarded = HttptoolsTransport(public_only=True)
        self.database: Database | None = None
        self.passing: tuple[Transport, Network, tuple[Endpoint, ...]] | None = None
        """What pass-through is made of."""
        self.predecessor = predecessor
        self._rows: list[tuple[Row, Deployment]] = []
        register_builtins(registry)

    def run(self) -> tuple[Pipeline, tuple[AuthBackend, ...], tuple[Transport, ...]]:
        """All parts of the gateway. Raises ConfigError with everything that is wrong."""
        self._extensions()
        transport = self._transport()
        network = self._network(transport)
        deployments = self._deployments(transport, network)
        self.passing = (transport, network, self._endpoints())
        self.vendors = self._vendors(transport, network)
        recorder = CallbackBuilder(self)
        callbacks = recorder.dispatcher()
        auth = self._auth_backends()
        # All plugins are here now, and any of them may know prices.
        self.prices = PriceBook(self.config, price_tables(self), self.registry)
        price_deployments(self._rows, self.prices, self)
        aliases = {name: (a.model, a.hidden) for name, a in self.config.router_settings.model_group_alias.items()}
        strategies = StrategyBuilder(self).build(deployments)
        models = ModelTable(deployments, aliases, strategies.unions)
        guardrails = GuardrailBuilder(self).chain(models, self._rows)
        policies = self._policies(models)
        self.database = self._database()
        self.state = self._state()
        routing = RouterBuilder(self, models, strategies)
        cache = self._cache(models, deployments)
        before = self.predecessor
        stats = before.pipeline.stats if before is not None else Stats(strategies.samples)
        router = routing.build(stats)
        if self.problems:
            raise ConfigError(Report.of(self.problems))
        routing.take_over(stats)
        pipeline = Pipeline(
            router=router,
            guardrails=guardrails,
            callbacks=callbacks,
            policies=policies,
            cache=cache,
            budgets=routing.budgets,
            limits=Limits(self.config.general_settings.max_in_flight_requests_per_worker),
            recording=recorder.recording(),
            needs_prices=self.config.litellm_settings.block_requests_for_models_without_pricing,
            counts_tokens=not self.config.litellm_settings.disable_token_counter,
            max_response_bytes=int(self.config.general_settings.max_response_size_mb * MEBIBYTE),
        )
        guardrails.connect(GatewayAsking(pipeline))
        return pipeline, auth, (transport, self.guarded)

    # -- the kinds of plugin -----------------------------------------------------------------------------------

    def _extensions(self) -> None:
        for index, name in enumerate(self.config.plugins):
            try:
                self.registry.load_extension(name, self._wanted(("plugins", index)))
            except PluginError as error:
                self.note_plugin(error)
        for index, entry in enumerate(self.config.litellm_settings.custom_provider_map):
            path = ("litellm_settings", "custom_provider_map", index)
            handler = self.attribute(entry.custom_handler, path)
            if handler is None or entry.provider in self.registry.names("provider"):
                continue
            try:
                self.registry.register("provider", entry.provider, handler)
            except PluginError as error:
                self.note_plugin(error)

    def _transport(self) -> Transport:
        settings = self.config.litellm_settings
        try:
            return HttptoolsTransport(ssl_verify=settings.ssl_verify, ssl_certificate=settings.ssl_certificate)
        except (OSError, ValueError) as error:
            self.problem(("litellm_settings", "ssl_verify"), f"cannot set up TLS: {error}")
            return HttptoolsTransport()

    def _network(self, transport: Transport) -> GatewayNetwork:
        """What providers fetch with. Plug-ins may reach what the config names; clients' addresses are guarded."""
        settings = self.config.litellm_settings
        if not settings.user_url_validation:
            return GatewayNetwork(transport, transport)
        return GatewayNetwork(transport, self.guarded, frozenset(h.lower() for h in settings.user_url_allowed_hosts))

    def _vendors(self, transport: Transport, network: Network) -> VendorRows:
        config = self.config
        if not config.files_settings and not config.finetune_settings and config.assistant_settings is None:
            return {}
        from tianji_core.gateway.vendor_rows import vendor_rows

        return vendor_rows(self, transport, network)

    def _endpoints(self) -> tuple[Endpoint, ...]:
        if not self.config.general_settings.pass_through_endpoints:
            return ()
        from tianji_core.gateway.pass_through.endpoints import compile_endpoints

        return compile_endpoints(self)

    def _deployments(self, transport: Transport, network: Network) -> list[Deployment]:
        builder = DeploymentBuilder(self, transport, network)
        deployments = [builder.build(row) for row in self.config.model_list]
        found: dict[str, Deployment] = {}
        for row, deployment in zip(self.config.model_list, deployments, strict=True):
            if deployment is None:
                continue
            if deployment.id in found:
                # Two rows that say the same are two deployments all the same: they share the load.
                if row.model_info.id is not None:
                    self.problem(("model_list", row.index, "model_info", "id"), "the id stands in another row too")
                deployment.id = f"{deployment.id}-{row.index}"
            found[deployment.id] = deployment
            self._rows.append((row, deployment))
        return list(found.values())

    def _policies(self, models: ModelTable) -> Policies:
        rows = self.config.guardrails
        known = Known(
            frozenset(row.guardrail_name for row in rows),
            frozenset(row.guardrail_name for row in rows if row.litellm_params.default_on),
            models,
        )
        return Policies(*drafts_of(self.config.policies, self.config.policy_attachments), known, self._policy_problem)

    def _policy_problem(
        self, path: KeyPath, message: str, hint: str | None = None, *, severity: Severity = "error"
    ) -> None:
        self.problem(path, message, hint, severity=severity, kind="policy")

    def _auth_backends(self) -> tuple[AuthBackend, ...]:
        general = self.config.general_settings
        backends: list[AuthBackend] = []
        if general.custom_auth:
            function = self.attribute(general.custom_auth, ("general_settings", "custom_auth"))
            if callable(function):
                backends.append(CustomAuth(function))
            elif function is not None:
                self.problem(("general_settings", "custom_auth"), f"{general.custom_auth} is not a function")
        names = general.auth_backends or ["master_key"]
        for index, name in enumerate(names):
            path = ("general_settings", "auth_backends", index)
            if name == "master_key":
                key = general.master_key or self.settings.master_key
                if key:
                    backends.append(MasterKey(key))
                continue
            made = self.make("auth_backend", name, {}, path)
            if isinstance(made, AuthBackend):
                backends.append(made)
        return tuple(backends)

    def _database(self) -> Database | None:
        try:
            return named_database(self.config.general_settings, self.settings)
        except DatabaseURLError as error:
            self.problem(("general_settings", "database_url"), str(error))
            return None

    def _state(self) -> State:
        """What replicas share; the one until now, if the config means the same."""
        address = None
        try:
            address = state_redis(self.config, self.settings)
        except RedisAddressError as error:
            self.problem(("router_settings",), str(error))
        before, settings = self.predecessor, self.settings
        return make_state(
            address,
            replicas=settings.replicas,
            timeout=settings.redis_timeout,
            before=before.state if before is not None else None,
        )

    def _cache(self, models: ModelTable, deployments: list[Deployment]) -> ResponseCache | None:
        if not self.config.litellm_settings.cache:
            return None
        from tianji_core.gateway.compile_cache import build_cache

        return build_cache(self, models, deployments)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def make(
        self,
        kind: str,
        name: str,
        values: Mapping[str, Any],
        path: KeyPath,
        *,
        inside: KeyPath | None = None,
        by_api: bool = False,
    ) -> Any:
        """An object of a plugin, made from validated settings; None after a problem, which is noted.

        `path` is where the config names the plugin, `inside` where its settings stand. `by_api`: the settings come from
        the API, so they may not name files.
        """
        found: Any
        if "." in name and kind != "provider":
            found = self.attribute(name, path)
            if found is None:
                return None
            factory, model = found, None
        else:
            try:
                registered: Registered = self.registry.load(kind, name, self._wanted(path))
            except PluginError as error:
                self.note_plugin(error)
                return None
            factory, model = registered.factory, registered.settings
        shared = self._shared(model, values)
        place = inside if inside is not None else path
        settings = self.validate(model, {**shared, **values}, place, shared, NO_LOCAL_FILES if by_api else None)
        if model is not None and settings is None:
            return None
        try:
            return factory(settings if model is not None else dict(values))
        except Exception as error:
            self.problem(path, f"{name} cannot be set up: {error}")
            return None

    def _shared(self, model: type[BaseModel] | None, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings of a callback that `litellm_settings` has for it, and its own entry has not."""
        if model is None or not issubclass(model, CallbackSettings) or not model.shared_keys:
            return {}
        given = self.config.litellm_settings
        names = model.shared_keys.intersection(given.model_fields_set) - values.keys()
        return {name: getattr(given, name) for name in sorted(names)}

    def validate(
        self,
        model: type[BaseModel] | None,
        values: Mapping[str, Any],
        path: KeyPath,
        shared: Container[str] = (),
        context: Mapping[str, Any] | None = None,
    ) -> BaseModel | None:
        """Settings of a plugin, or None after noting what is wrong with them. Never shows a value.

        `path` is where they stand; those of `shared` stand in `litellm_settings`. `context` is for their validators.
        """
        if model is None:
            return None
        values = self._known(model, values, path)
        if "environ" in model.model_fields:
            values["environ"] = self.loaded.environ
        try:
            return model.model_validate(values, context=context)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False, include_context=False):
                loc = detail["loc"]
                place = ("litellm_settings",) if loc and loc[0] in shared else path
                text = detail["msg"].removeprefix("Value error, ")
                self.problem((*place, *loc), text[:1].lower() + text[1:])
            return None

    def _known(self, model: type[BaseModel], values: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        """The values that a plugin's settings have fields for. Others are told and left out: a drop-in has to start."""
        if model.model_config.get("extra") != "forbid":
            return dict(values)
        fields = model.model_fields
        names = {*fields, *(f.alias for f in fields.values() if f.alias)}
        for key in sorted(values.keys() - names):
            close = closest(key, names, 1)
            hint = f'Did you mean "{close[0]}"?' if close else None
            self.problem((*path, key), "unknown key", hint, severity="warning", kind="unknown-key")
        return {key: value for key, value in values.items() if key in names}

    def problem(
        self,
        path: KeyPath,
        message: str,
        hint: str | None = None,
        *,
        severity: Severity = "error",
        kind: str = "plugin",
    ) -> None:
        """Note what is wrong at a place of the config."""
        found = Problem(severity, kind, self.loaded.where(path), self.loaded.spelling(path), message, hint)
        (self.problems if severity == "error" else self.loaded.report.problems).append(found)

    def honoured(self, path: KeyPath, keys: Iterable[str]) -> None:
        """Take back that these keys are not honoured: the plugin in use has settings of these names."""
        places = {self.loaded.spelling((*path, key)) for key in keys}
        problems = self.loaded.report.problems
        problems[:] = [p for p in problems if not (p.kind == "not-honoured" and p.key_path in places)]

    def attribute(self, name: str, path: KeyPath) -> Any:
        """The object that a dotted path of the config names; None after a problem, which is noted."""
        try:
            return load_attribute(name, self.loaded.path, self._wanted(path))
        except PluginError as error:
            self.note_plugin(error)
            return None

    def _wanted(self, path: KeyPath) -> str:
        return f"{self.loaded.where(path)}: {self.loaded.spelling(path)}"

    def note_plugin(self, error: PluginError) -> None:
        """Note a plugin that cannot be used."""
        log.debug("plugin refused", exc_info=error)  # the traceback is for `--debug`
        # The error's own text begins with the place already.
        self.problems.append(Problem("error", "plugin", "", "", str(error)))
