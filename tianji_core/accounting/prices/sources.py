"""From public price data to a price table: what is taken, what is refused, what would change.

For `tianji prices update` and `scripts/prices.py`; nothing of it is on a call's way.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tianji_core.accounting.prices.money import rate_of
from tianji_core.accounting.prices.table import Price, PriceTable, PriceTableError

MAP_IN_WHEEL = "litellm/model_prices_and_context_window_backup.json"
"""The price map in LiteLLM's wheel."""
FEWEST = 50
"""Models that a source has at the least; one with fewer is taken for a mistake."""
MOST_BYTES = 64 * 1024 * 1024

TEXTS = frozenset({"litellm_provider", "mode", "deprecation_date", "web_search_billing_unit"})
COUNTS = frozenset({"max_tokens", "max_input_tokens", "max_output_tokens", "output_vector_size"})
FACTORS = frozenset({"us", "eu", "fast"})
"""Members of `provider_specific_entry` that prices are multiplied by."""
_NOT_PRICES = frozenset({"input_dbu_cost_per_token", "output_dbu_cost_per_token", "guardrail_cost_per_unit"})
_NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})
_SIZES = ("search_context_size_low", "search_context_size_medium", "search_context_size_high")
_RANGED = frozenset({"range", "max_results_range"})


class Taken(NamedTuple):
    """The models of a source, and what of it makes no sense and was left out."""

    models: dict[str, Price]
    refused: list[str]


class Change(NamedTuple):
    """What is different about one model: `before` and `after` are what one of them has, None where it has nothing."""

    name: str
    key: str
    before: Any
    after: Any


def read_source(path: Path) -> Taken:
    """The models in a file: a price table, LiteLLM's map as JSON, or a wheel of LiteLLM's that holds it.

    Raises OSError, PriceTableError.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            try:
                if wheel.getinfo(MAP_IN_WHEEL).file_size > MOST_BYTES:
                    raise PriceTableError(f"{path}: the price map in it is too large")
                return read_map(wheel.read(MAP_IN_WHEEL), str(path))
            except KeyError:
                raise PriceTableError(f"{path}: holds no {MAP_IN_WHEEL}") from None
    if path.stat().st_size > MOST_BYTES:
        raise PriceTableError(f"{path}: the file is too large")
    data = path.read_bytes()
    if data.startswith(b'{"sources"'):
        return Taken(dict(PriceTable(path)), [])
    return read_map(data, str(path))


def read_map(data: bytes, name: str) -> Taken:
    """The models of LiteLLM's map; `name` is what the source is called in errors. Raises PriceTableError."""
    try:
        found = orjson.loads(data)
    except ValueError as error:
        raise PriceTableError(f"{name}: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise PriceTableError(f"{name}: no map of models")
    models: dict[str, Price] = {}
    refused: list[str] = []
    for model, entry in found.items():
        if model in _NOT_MODELS:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("alias_of"), str):
            entry = found.get(entry["alias_of"])
        problem = "no object" if not isinstance(entry, dict) else _name_problem(model)
        if problem is None:
            price, problem = price_of(entry)
            if problem is None and price:
                models[model] = price
        if problem is not None:
            refused.append(f"{model}: {problem}")
    if len(models) < FEWEST:
        raise PriceTableError(f"{name}: {len(models)} models; a price map has {FEWEST} at the least")
    return Taken(models, refused)


def price_of(entry: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What of a map's entry belongs into a table, and what is wrong with it if something is."""
    price: dict[str, Any] = {}
    for key, value in entry.items():
        if value is None or key in _NOT_PRICES:
            continue
        if key in TEXTS:
            if isinstance(value, str):
                price[key] = value
        elif key in COUNTS:
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
                price[key] = int(value)
        elif key == "provider_specific_entry":
            factors = {n: f for n, f in value.items() if n in FACTORS and _is_factor(f)} if _is_map(value) else {}
            if factors:
                price[key] = factors
        elif key.endswith(("_uplift_multiplier", "_uplift_multiplier_eu", "_uplift_multiplier_us")):
            if not _is_factor(value):
                return {}, f"{key} is no factor"
            price[key] = value
        elif key in ("tiered_pricing", "off_peak_pricing", "search_context_cost_per_query"):
            problem = _STRUCTURES[key](value)
            if problem is not None:
                return {}, f"{key} {problem}"
            price[key] = value
        elif is_price_key(key):
            if not _is_price(value):
                return {}, f"{key} is no price: {value!r}"
            price[key] = value
    return price, None


def is_price_key(key: str) -> bool:
    """Whether a member says what one unit of something costs."""
    return "_cost_per_" in key or key.startswith("cost_per_") or "_token_cost" in key


def differences(before: Iterable[tuple[str, Price]], after: Mapping[str, Price]) -> Iterator[Change]:
    """What is different between two tables, by model and member; a model that only one has is one change."""
    old = dict(before)
    for name in sorted(old.keys() | after.keys()):
        was, will = old.get(name), after.get(name)
        if was is None or will is None:
            yield Change(name, "", was, will)
            continue
        for key in sorted(was.keys() | will.keys()):
            if was.get(key) != will.get(key):
                yield Change(name, key, was.get(key), will.get(key))


def problems(table: PriceTable) -> Iterator[str]:
    """What is wrong with a table: each problem a line of text. None if the gateway can price with it."""
    for source in table.sources:
        missing = [key for key in ("name", "version", "date", "license") if not isinstance(source.get(key), str)]
        if missing:
            yield f"a source does not say its {', '.join(missing)}"
    before = b""
    count = 0
    for name, price in table:
        count += 1
        key = orjson.dumps(name)
        if key <= before:
            yield f"{name}: out of order, or there twice"
        before = key
        if (problem := _name_problem(name)) is not None:
            yield f"{name}: {problem}"
        kept, problem = price_of(price)
        if problem is not None:
            yield f"{name}: {problem}"
        elif kept != price:
            yield f"{name}: members that are none of a price table: {', '.join(sorted(price.keys() - kept.keys()))}"
        elif table.get(name) != price:
            yield f"{name}: is not found by its name"
    if count < FEWEST:
        yield f"{count} models; a table has {FEWEST} at the least"


def _name_problem(name: str) -> str | None:
    if not name or len(name) > 300 or not name.isprintable() or ",{" in name:
        return "no name of a model"
    return None


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _is_price(value: Any) -> bool:
    return isinstance(value, (int, float)) and rate_of(value) is not None


def _is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 100


def _tiers_problem(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(tier, dict) for tier in value):
        return "is no list of tiers"
    for tier in value:
        for key, price in tier.items():
            if key in _RANGED:
                if not (isinstance(price, list) and len(price) == 2 and all(isinstance(e, (int, float)) for e in price)):
                    return "has a range that is none"
            elif not _is_price(price):
                return f"has a {key} that is no price"
    return None


def _off_peak_problem(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "is no object"
    for key, price in value.items():
        if is_price_key(key) and not _is_price(price):
            return f"has a {key} that is no price"
    return None


def _searches_problem(value: Any) -> str | None:
    if not isinstance(value, dict) or not all(_is_price(value.get(size, 0)) for size in _SIZES):
        return "is no price by size"
    return None


_STRUCTURES = {
    "tiered_pricing": _tiers_problem,
    "off_peak_pricing": _off_peak_problem,
    "search_context_cost_per_query": _searches_problem,
}
