"""What the calls of one deployment cost: whose prices hold for its models, and on which terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from tianji_core.accounting.prices.cost import Terms
from tianji_core.accounting.prices.entries import price_of
from tianji_core.accounting.prices.money import decimal_of
from tianji_core.accounting.prices.names import is_of, names_of
from tianji_core.accounting.prices.rates import Rates
from tianji_core.accounting.prices.table import Price
from tianji_core.config.schema.prices import is_price_key
from tianji_core.telemetry import get_logger

log = get_logger("tianji.prices")

_MOST_MODELS = 1000
"""Models of which a wildcard deployment remembers the rates; a client can ask for any name."""
_MAIN = ("input_cost_per_token", "output_cost_per_token")
_WHOLE = frozenset(
    {*_MAIN, "tiered_pricing", "input_cost_per_second", "output_cost_per_second", "input_cost_per_character",
     "input_cost_per_image", "output_cost_per_image", "input_cost_per_query"}
)  # fmt: skip
"""Prices of which one is enough to take the place of all that a table says."""

PluginPrice = Callable[[str, str], Any]
"""What plugins say of a model and a provider: the hook `tianji_model_price`."""


class Finds(Protocol):
    """A price table, or several."""

    def get(self, name: str) -> Price | None: ...


class Place(NamedTuple):
    """Where a deployment's vendor works, as far as prices go by it."""

    region: str | None = None
    """Of the vendor's cloud."""
    residency: str | None = None
    """eu, us or fedramp: the hosts of OpenAI's that answer in one part of the world."""
    regional: bool = False
    """Whether it is an endpoint of Google's that is bound to a region."""


class Pricing:
    """Of one deployment. Rates are worked out when they are first asked for, and kept."""

    def __init__(
        self,
        tables: Finds,
        provider: str,
        *,
        own: str | None = None,
        custom: Mapping[str, Any] | None = None,
        base_model: str | None = None,
        place: Place | None = None,
        plugins: PluginPrice | None = None,
        terms: Terms | None = None,
    ) -> None:
        """`custom` is what the config says of prices, checked already; `base_model` the model that a name hides.

        Both are about `own`, the deployment's model, or about every model if it is None: a wildcard.
        """
        self._tables = tables
        self._provider = provider
        self._own = own
        self._custom = custom or {}
        self._base_model = base_model
        self._place = place or Place()
        self._plugins = plugins
        self._rates: dict[str, Rates | None] = {}
        self.terms = terms

    def rates(self, model: str) -> Rates | None:
        """The rates of a model, by its vendor's name; None if nobody knows them."""
        try:
            return self._rates[model]
        except KeyError:
            found = self._find(model)
            if len(self._rates) < _MOST_MODELS:
                self._rates[model] = found
            return found

    @property
    def overrides(self) -> frozenset[str]:
        """The prices that the config itself says."""
        return frozenset(self._custom)

    def listed(self, model: str) -> Price | None:
        """What a table or a plugin says of a model, the prices of the config over it; None if nobody says anything."""
        _, price = self._looked_up(model)
        told = self._told(model)
        found = told if told is not None else price
        custom = self._custom if self._is_own(model) else {}
        if found is None and not custom:
            return None
        return {**(found or {}), **custom}

    def _is_own(self, model: str) -> bool:
        return self._own is None or model == self._own

    def _find(self, model: str) -> Rates | None:
        told = self._told(model)
        name, price = self._looked_up(model)
        source: Any = "table"
        if told is not None:
            price, source = {**told, "litellm_provider": told.get("litellm_provider", self._provider)}, "plugin"
        if self._custom and self._is_own(model):
            price, source = self._with_custom(price or {}), "config"
        if price is None:
            name, price = self._looked_up_by_size(model)
        if price is None or not _has_prices(price):
            return None
        factor = Decimal(1) if source == "config" else self._factor(price)
        return Rates(price, source, provider=self._provider, factor=factor, sized=self._sizes(name or model))

    def _with_custom(self, price: Price) -> Price:
        """The prices of the config. A row that says what a token costs says all; further prices go over the table's."""
        custom = self._custom
        if not custom.keys() & _WHOLE:
            return {**price, **custom}
        kept = {key: value for key, value in price.items() if not is_price_key(key)}
        for key in _MAIN:  # half of a price is no price: the other half is the table's
            if key not in custom and custom.keys() & set(_MAIN) and price.get(key) is not None:
                kept[key] = price[key]
        return {**kept, **custom}

    def _told(self, model: str) -> Price | None:
        """What a plugin says of a model."""
        if self._plugins is None:
            return None
        try:
            said = self._plugins(model, self._provider)
        except Exception as error:  # a defect of the plugin's; the table has a price all the same
            log.warning("a plugin fails to price a model", model=model, error=repr(error))
            return None
        if said is None:
            return None
        price, problem = price_of(said) if isinstance(said, Mapping) else ({}, "no mapping")
        if problem is not None or not price:
            log.warning("a plugin's price of a model makes no sense", model=model, problem=problem or "no prices")
            return None
        return price

    def _looked_up(self, model: str) -> tuple[str | None, Price | None]:
        """What the tables say of a model, and under which name."""
        get = self._tables.get
        if self._base_model is not None and self._is_own(model):
            for name in (self._base_model, *names_of(self._provider, self._base_model, self._place.region)):
                price = get(name)
                if price is not None and ("/" in self._base_model or is_of(self._provider, name, price)):
                    return name, price
            price = get(self._base_model)
            return (self._base_model, price) if price is not None else (None, None)
        for name in names_of(self._provider, model, self._place.region):
            price = get(name)
            if price is not None and is_of(self._provider, name, price):
                return name, price
        return None, None

    def _looked_up_by_size(self, model: str) -> tuple[str | None, Price | None]:
        """What the tables say of a model that they have only with a size and a quality: of images."""
        for name in names_of(self._provider, self._base_model or model, self._place.region):
            find = self._sizes(name)
            for size in ("1024-x-1024", "standard/1024-x-1024", "medium/1024-x-1024"):
                price = find(size)
                if price is not None:
                    return name, price
        return None, None

    def _sizes(self, name: str) -> Callable[[str], Price | None]:
        """Looks up images of a size: the table has it before the model's name, before or after the vendor's."""
        vendor, slash, plain = name.partition("/")
        get = self._tables.get

        def find(size: str) -> Price | None:
            for each in (f"{vendor}/{size}/{plain}", f"{size}/{plain}") if slash else (f"{size}/{name}",):
                price = get(each)
                if price is not None and is_of(self._provider, each, price):
                    return price
            return None

        return find

    def _factor(self, price: Price) -> Decimal:
        place, factor = self._place, Decimal(1)
        keys = []
        if place.residency in ("eu", "us"):
            keys.append(f"regional_processing_uplift_multiplier_{place.residency}")
        elif place.residency == "fedramp":
            keys.append("fedramp_uplift_multiplier")
        if place.regional:
            keys.append("regional_endpoint_uplift_multiplier")
        for key in keys:
            factor *= decimal_of(price.get(key)) or Decimal(1)
        return factor


def terms_of(provider: str, discounts: Mapping[str, Any], margins: Mapping[str, Any]) -> Terms | None:
    """The terms of a provider, from `cost_discount_config` and `cost_margin_config`; None if list prices hold."""
    discount = decimal_of(discounts.get(provider, 0)) or Decimal(0)
    margin = margins.get(provider, margins.get("global"))
    if isinstance(margin, Mapping):
        part, fixed = decimal_of(margin.get("percentage", 0)), decimal_of(margin.get("fixed_amount", 0))
    else:
        part, fixed = decimal_of(margin if margin is not None else 0), None
    found = Terms(discount, part or Decimal(0), int((fixed or Decimal(0)).scaleb(12)))
    return found if any(found) else None


def _has_prices(price: Price) -> bool:
    return any(is_price_key(key) for key in price)
