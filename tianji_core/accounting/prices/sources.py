"""From public price data to a price table: what is taken, what is refused, what would change.

For `tianji prices update` and `scripts/prices.py`; nothing of it is on a call's way.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tianji_core.accounting.prices.entries import name_problem, price_of
from tianji_core.accounting.prices.table import Price, PriceTable, PriceTableError

MAP_IN_WHEEL = "litellm/model_prices_and_context_window_backup.json"
"""The price map in LiteLLM's wheel."""
FEWEST = 50
"""Models that a source has at the least; one with fewer is taken for a mistake."""
MOST_BYTES = 64 * 1024 * 1024

_NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})


class Taken(NamedTuple):
    """The models of a source, and what of it makes no sense and was left out."""

    models: dict[str, Price]
    refused: list[str]
    sources: list[dict[str, Any]] = []  # noqa: RUF012 - read only
    """What a source that is a price table says of where it comes from itself."""


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
        table = PriceTable(path)
        wrong = next(problems(table), None)
        if wrong is not None:
            raise PriceTableError(f"{path}: {wrong}")
        return Taken(dict(table), [], table.sources)
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
        problem = "no object" if not isinstance(entry, dict) else name_problem(model)
        if problem is None:
            price, problem = price_of(entry)
            if problem is None and price:
                models[model] = price
        if problem is not None:
            refused.append(f"{model}: {problem}")
    if len(models) < FEWEST:
        raise PriceTableError(f"{name}: {len(models)} models; a price map has {FEWEST} at the least")
    return Taken(models, refused)


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
        if (problem := name_problem(name)) is not None:
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
