"""Whose prices hold for the deployments of a config: compiled at start-up, with what is wrong with them told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tianji_core.accounting.prices import (
    Place,
    PriceTable,
    PriceTableError,
    Pricing,
    Tables,
    embedded_table,
    terms_of,
)
from tianji_core.accounting.prices.entries import price_of
from tianji_core.accounting.prices.money import RATES_PER_DOLLAR
from tianji_core.accounting.prices.pricing import PluginPrice
from tianji_core.config import Config
from tianji_core.config.schema import Deployment as Row
from tianji_core.config.schema.prices import STRUCTURED, is_amount, is_price_key
from tianji_core.discovery import Registry
from tianji_core.routing import Deployment

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler

_RESIDENCY = {"eu.api.openai.com": "eu", "us.api.openai.com": "us", "gov.api.openai.com": "fedramp"}
"""Hosts of OpenAI's that answer in one part of the world."""


class PriceBook:
    """What prices go by, of one config: tables, plugins, discounts and margins."""

    def __init__(self, config: Config, tables: Tables, registry: Registry) -> None:
        litellm = config.litellm_settings
        self._tables = tables
        self._discounts, self._margins = litellm.cost_discount_config, litellm.cost_margin_config
        hook = registry.pm.hook.tianji_model_price
        self._plugins: PluginPrice | None = None
        if hook.get_hookimpls():
            self._plugins = lambda model, provider: hook(model=model, provider=provider)

    def pricing(
        self, deployment: Deployment, custom: Mapping[str, Any] | None = None, base_model: str | None = None
    ) -> Pricing:
        """What the calls of a deployment cost; `custom` and `base_model` are what its row says."""
        name = deployment.provider_name
        return Pricing(
            self._tables,
            name,
            own=None if "*" in deployment.model else deployment.model,
            custom=custom,
            base_model=base_model,
            place=_place(deployment),
            plugins=self._plugins,
            terms=terms_of(name, self._discounts, self._margins),
        )


def price_deployments(rows: Iterable[tuple[Row, Deployment]], book: PriceBook, compiler: Compiler) -> None:
    """Give the deployments of the config's rows their prices."""
    for row, deployment in rows:
        base_model = row.model_info.base_model
        pricing = deployment.pricing = book.pricing(deployment, _custom(row, compiler), base_model)
        if "*" in deployment.model and not base_model:
            continue
        rates = deployment.rates = pricing.rates(deployment.model)
        if rates is not None and rates.by_tokens:
            each = rates.ladder("").base
            deployment.input_cost_per_token = each.input / RATES_PER_DOLLAR
            deployment.output_cost_per_token = each.output / RATES_PER_DOLLAR


def price_tables(compiler: Compiler) -> Tables:
    """The operator's own table, if there is one, over the one that comes with the gateway."""
    wanted = named_table(
        compiler.config.general_settings.price_table, compiler.settings.price_table, compiler.loaded.path
    )
    if wanted is None:
        return Tables(embedded_table())
    try:
        return Tables(PriceTable(wanted), embedded_table())
    except (OSError, PriceTableError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        hint = f"Write one:  tianji prices update SOURCE --output {wanted}"
        compiler.problem(("general_settings", "price_table"), f"{wanted}: {said}", hint)
        return Tables(embedded_table())


def named_table(in_config: str | None, in_environment: str | None, config: Path | None) -> Path | None:
    """Where the operator's price table is; a path in the config is beside the config."""
    if in_config:
        return (config.parent if config is not None else Path()) / in_config
    return Path(in_environment) if in_environment else None


def _custom(row: Row, compiler: Compiler) -> dict[str, Any]:
    """Prices that the row itself says; what `litellm_params` says wins over `model_info`."""
    found: dict[str, Any] = {}
    for block, name in ((row.model_info, "model_info"), (row.litellm_params, "litellm_params")):
        at = ("model_list", row.index, name)
        for key, value in block.model_dump(exclude_unset=True).items():
            if value is None or not is_price_key(key):
                continue
            if key in STRUCTURED:
                value = _numbers(value)
                problem = price_of({key: value})[1]
                if problem is not None:
                    compiler.problem((*at, key), problem.removeprefix(f"{key} "))
                    continue
            elif not is_amount(value):
                compiler.problem((*at, key), "must be a number of dollars, not negative")
                continue
            found[key] = _numbers(value)
    return found


def _numbers(value: Any) -> Any:
    """Numbers that YAML takes for text (1e-7 has no dot) as numbers, inside of structures too."""
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return float(value) if isinstance(value, str) and is_amount(value) else value


def _place(deployment: Deployment) -> Place:
    """Where the vendor works, from the settings of the provider."""
    settings = deployment.provider.settings
    host = urlsplit(deployment.api_base or "").hostname or ""
    location = getattr(settings, "location", None)
    return Place(
        region=getattr(settings, "aws_region_name", None),
        residency=_RESIDENCY.get(host),
        regional=isinstance(location, str) and location.lower() != "global",
    )
