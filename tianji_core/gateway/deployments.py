"""From a row of `model_list` to a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tianji_core.api.http import Network
from tianji_core.api.provider import Provider, ProviderSettings
from tianji_core.config.schema import OPENAI_PARAMS, LitellmParams, keys_of
from tianji_core.config.schema import Deployment as Row
from tianji_core.config.secrets import Secret, conceal, looks_secret, veil
from tianji_core.discovery import PluginError
from tianji_core.gateway.bare_names import provider_of
from tianji_core.gateway.paths import Step, parse_path
from tianji_core.routing import Deployment
from tianji_core.routing.filters import region_of
from tianji_core.transport import DEFAULT_TIMEOUTS, Timeouts, Transport

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler

BODY_PARAMS_OF_THE_ROW = frozenset({"metadata", "stream"})
"""OpenAI parameters that make no sense as a default for every call."""

OF_ALL_ROWS = frozenset({"use_chat_completions_url_for_anthropic_messages"})
"""Keys of `litellm_settings` that single providers know as settings of their own."""

_NOT_SHOWN = frozenset({"api_key", "base_url", "headers", "extra_headers", "extra_body", "mock_response"})
_REGIONS = frozenset({"aws_region_name", "region_name", "vertex_location", "vertex_project", "watsonx_region_name"})
"""Settings of vendors that say where a model runs."""

_NOT_LENT = frozenset({"model", "litellm_credential_name"})
"""Keys of a row that a credential has no say in."""

SHORTEST_SECRET = 6
"""Characters; anything shorter would be found in every other word."""


class DeploymentBuilder:
    """Builds the deployments of one config; problems go to the compiler."""

    def __init__(
        self, compiler: Compiler, transport: Transport, network: Network, at: tuple[str | int, ...] | None = None
    ) -> None:
        """`at` is where the config says what is built, if that is no row of `model_list`."""
        self._compiler = compiler
        self._transport = transport
        self._network = network
        self._at_path = at
        self._credentials = {c.credential_name: (i, c) for i, c in enumerate(compiler.config.credential_list)}

    def build(self, row: Row) -> Deployment | None:
        """The deployment of a row, or None after noting why there is none."""
        compiler = self._compiler
        path = self._path(row)
        found = self._with_credential(row)
        if found is None:
            return None
        row, params = found, found.litellm_params
        split = self._provider_and_model(row)
        if split is None:
            return None
        name, model = split
        try:
            registered = compiler.registry.load("provider", name, f"{self._at(row)}")
        except PluginError as error:
            compiler.note_plugin(error)
            return None
        values, defaults = self._values(row, registered.settings or ProviderSettings, model)
        settings = compiler.validate(registered.settings or ProviderSettings, values, path)
        if settings is None:
            return None
        try:
            provider = registered.factory(settings)
        except Exception as error:
            compiler.problem(path, f"provider {name} cannot be set up: {error}")
            return None
        if not isinstance(provider, Provider):
            compiler.problem((*path, "model"), f"provider {name} made something that is no Provider")
            return None
        timeouts, stream_timeouts = self._timeouts(row)
        dropped, places = self._dropped(row)
        general, litellm = compiler.config.general_settings, compiler.config.litellm_settings
        supported = provider.supported_params(model, "chat") if "chat" in provider.capabilities.operations else None
        return Deployment(
            id=row.id,
            model_name=row.model_name,
            model=model,
            provider_name=name,
            provider=provider,
            transport=self._transport,
            timeouts=timeouts,
            stream_timeouts=stream_timeouts,
            first_chunk_patience=_first_chunk_patience(stream_timeouts),
            weight=params.weight,
            rpm=row.rpm if row.rpm is not None else params.rpm,
            tpm=row.tpm if row.tpm is not None else params.tpm,
            max_parallel=params.max_parallel_requests,
            order=params.order if params.order is not None else 1,
            tags=tuple(params.tags),
            region=region_of(params.model_dump(exclude_unset=True), row.model_info.model_dump(exclude_unset=True)),
            max_input_tokens=row.model_info.max_input_tokens,
            cooldown_time=params.cooldown_time,
            params=_showable(params),
            info={**row.model_info.model_dump(exclude_none=True), "id": row.id},
            num_retries=params.num_retries,
            defaults=defaults,
            fixed={name: value for name, value in defaults.items() if name in provider.fixed_params},
            drop_params=litellm.drop_params if params.drop_params is None else params.drop_params,
            dropped_params=dropped,
            dropped_places=places,
            allowed_params=frozenset(params.allowed_openai_params),
            secrets=secrets_of(provider),
            mock_response=params.mock_response,
            api_base=shown_url(getattr(provider, "api_base", None) or params.address),
            network=self._network,
            needs_prepare=type(provider).prepare is not Provider.prepare,
            needs_authorize=type(provider).authorize is not Provider.authorize,
            needs_follow=type(provider).follow is not Provider.follow,
            asks_for_usage=general.always_include_stream_usage is not False
            and (supported is None or "stream_options" in supported),
            shows_cost=litellm.include_cost_in_streaming_usage,
            shows_usage=general.always_include_stream_usage is True,
            forwards_trace=litellm.forward_traceparent_to_llm_provider,
            in_pass_through=params.use_in_pass_through,
        )

    def _with_credential(self, row: Row) -> Row | None:
        """The row with what its credential says put in under what it says itself; None after noting a problem."""
        name = row.litellm_params.litellm_credential_name
        if name is None:
            return row
        index, credential = self._credentials.get(name, (0, None))
        if credential is None:
            known = ", ".join(sorted(self._credentials)) or "none"
            path = (*self._path(row), "litellm_credential_name")
            self._compiler.problem(path, "no such credential", f"credential_list has: {known}.")
            return None
        own = row.litellm_params.model_dump(exclude_unset=True)
        lent = {key: value for key, value in credential.values().items() if key not in _NOT_LENT}
        if row.litellm_params.address is not None:
            lent.pop("api_base", None)
            lent.pop("base_url", None)
        params = self._compiler.validate(
            LitellmParams, {**lent, **own}, ("credential_list", index, "credential_values")
        )
        return None if params is None else row.model_copy(update={"litellm_params": params})

    def _dropped(self, row: Row) -> tuple[frozenset[str], tuple[tuple[Step, ...], ...]]:
        """What `additional_drop_params` names: members of the body, and places inside of them."""
        paths: list[tuple[Step, ...]] = []
        for text in row.litellm_params.additional_drop_params:
            try:
                paths.append(parse_path(text))
            except ValueError as error:
                self._compiler.problem((*self._path(row), "additional_drop_params"), str(error))
        return frozenset(str(path[0]) for path in paths if len(path) == 1), tuple(p for p in paths if len(p) > 1)

    def _provider_and_model(self, row: Row) -> tuple[str, str] | None:
        """The provider's name and the vendor's name of the model, from `model` and `custom_llm_provider`."""
        model, given = row.litellm_params.model, row.litellm_params.custom_llm_provider
        prefix, slash, rest = model.partition("/")
        if given:
            return given, rest if slash and prefix == given else model
        if slash:
            return prefix, rest
        known = provider_of(model)
        if known is not None:
            return known, model
        self._compiler.problem(
            (*self._path(row), "model"),
            f'"{model}" names no provider',
            f"Write provider/{model}, openai/{model} for one.",
        )
        return None

    def _values(self, row: Row, model: type[Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the row says to the provider, and what it adds to every body."""
        params = row.litellm_params
        values: dict[str, Any] = {}
        vendor = {key: value for key, value in params.vendor_params.items() if value is not None}
        own = {key: value for key, value in (params.model_extra or {}).items() if key in model.model_fields}
        values.update({key: value for key, value in own.items() if value is not None})
        self._compiler.honoured(self._path(row), own)
        given = {
            "api_key": params.api_key,
            "api_base": params.address,
            "api_version": params.api_version,
            "organization": params.organization,
            "base_model": row.model_info.base_model if "base_model" in model.model_fields else None,
            "mode": row.model_info.mode if "mode" in model.model_fields else None,
            "extra_headers": params.all_headers or None,
        }
        values.update({key: value for key, value in given.items() if value is not None})
        values["model"] = name
        everywhere = self._compiler.config.litellm_settings
        values["modify_params"] = everywhere.modify_params
        for key in OF_ALL_ROWS & model.model_fields.keys():
            values.setdefault(key, getattr(everywhere, key))
        defaults = {key: value for key, value in vendor.items() if key not in model.model_fields}
        defaults.update({k: v for k, v in params.openai_params.items() if k not in BODY_PARAMS_OF_THE_ROW})
        defaults.update(params.extra_body)
        return values, {key: value for key, value in defaults.items() if value is not None}

    def _timeouts(self, row: Row) -> tuple[Timeouts, Timeouts]:
        """Whole answers may take `timeout` in all; of a stream, `stream_timeout` bounds each silence.

        Time-outs of single phases win there.
        """
        router, params = self._compiler.config.router_settings, row.litellm_params

        def either(name: str) -> float | None:
            own: float | None = getattr(params, name)
            return own if own is not None else getattr(router, name)

        total = params.timeout if params.timeout is not None else router.timeout
        silence = either("stream_timeout")
        connect, first, between = either("connect_timeout"), either("first_byte_timeout"), either("chunk_timeout")
        if silence is None:
            silence = min(total, DEFAULT_TIMEOUTS.first_byte or total)

        def phases(usual: float) -> Timeouts:
            return Timeouts(
                connect=connect,
                first_byte=min(first, usual) if first is not None else usual,
                between_chunks=min(between, total) if between is not None else usual,
                total=total,
            )

        return phases(total), phases(silence)

    def _path(self, row: Row) -> tuple[str | int, ...]:
        return self._at_path if self._at_path is not None else ("model_list", row.index, "litellm_params")

    def _at(self, row: Row) -> str:
        loaded = self._compiler.loaded
        if self._at_path is not None:
            return f"{loaded.where(self._at_path)}: {loaded.spelling(self._at_path)}"
        return f"{loaded.where((*self._path(row), 'model'))}: model_list[{row.index}]"


def _showable(params: LitellmParams) -> dict[str, Any]:
    """The row's parameters for listings: those known to be harmless, and of those none that looks like a credential."""
    given = params.model_dump(exclude_unset=True)
    names = (keys_of(LitellmParams).keys() - _NOT_SHOWN) | OPENAI_PARAMS | _REGIONS
    found = {name: value for name, value in given.items() if name in names and not looks_secret(name)}
    if params.address is not None:
        found["api_base"] = shown_url(params.address)
    return {name: veil(value) for name, value in conceal(found).items() if not isinstance(value, Secret)}


def shown_url(url: str | None) -> str | None:
    """A URL as it may be shown: without user, password and query."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def secrets_of(provider: Provider) -> tuple[str, ...]:
    """What the provider holds that nobody may see: its key, and all texts of settings that keep out of their repr."""
    settings = provider.settings
    hidden = [getattr(settings, name) for name, field in type(settings).model_fields.items() if field.repr is False]
    found = (value for value in (getattr(provider, "api_key", None), *hidden) if isinstance(value, str))
    return tuple(dict.fromkeys(value for value in found if len(value) >= SHORTEST_SECRET))


def _first_chunk_patience(timeouts: Timeouts) -> float | None:
    """The time-out for a stream's first chunk; None if that for silence is no longer.

    Most vendors send the head of a stream at once, and only then let the model think: a time-out until the head alone
    would never be met.
    """
    first, between = timeouts.first_byte, timeouts.between_chunks
    return first if first is not None and (between is None or first < between) else None
