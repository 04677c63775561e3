"""Write the price table, tianji_core/accounting/prices/prices.jsonl, from public price data.

    python scripts/prices.py [--check]
    python scripts/prices.py --litellm litellm-….whl [--genai-prices genai_prices-….whl]

Without sources the table is written anew from itself: sorted, without what does not belong into it. `--check` verifies
that the table is what it should be; neither needs a network. To take newer prices, fetch the wheels first:

    pip download --no-deps litellm genai-prices

Most of the prices are those of LiteLLM's map. genai-prices adds models that the map has not, of vendors that there is a
provider for.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from _generated import ROOT

sys.path.insert(0, str(ROOT))

from tianji_core.accounting.prices.sources import differences, price_of, problems, read_source
from tianji_core.accounting.prices.table import EMBEDDED, PriceTable, table_bytes, write_table

ABOUT = {
    "litellm": {"license": "MIT, Copyright (c) 2023 Berri AI", "url": "https://github.com/BerriAI/litellm"},
    "genai-prices": {
        "license": "MIT, Copyright (c) Pydantic Services Inc.",
        "url": "https://github.com/pydantic/genai-prices",
    },
}

# What genai-prices calls a vendor: what its models begin with in the table.
VENDORS = {
    "openrouter": "openrouter",
    "x-ai": "xai",
    "moonshotai": "moonshot",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "voyageai": "voyage",
    "groq": "groq",
    "cerebras": "cerebras",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "perplexity": "perplexity",
}
FIELDS = {
    "input_mtok": "input_cost_per_token",
    "output_mtok": "output_cost_per_token",
    "cache_read_mtok": "cache_read_input_token_cost",
    "cache_write_mtok": "cache_creation_input_token_cost",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="prices.py", description="Write the price table.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the table is not as it should be")
    parser.add_argument("--litellm", type=Path, metavar="WHEEL", help="take the prices of this wheel of LiteLLM")
    parser.add_argument("--genai-prices", type=Path, metavar="WHEEL", help="add models from this wheel")
    given = parser.parse_args()
    if given.check:
        wrong = list(problems(PriceTable(EMBEDDED)))
        if wrong:
            raise SystemExit("\n".join([*wrong[:20], f"{EMBEDDED.relative_to(ROOT)}: {len(wrong)} problems"]))
        return
    if given.litellm is None:
        table = PriceTable(EMBEDDED)
        models = {name: price_of(price)[0] for name, price in table}
        if table_bytes(table.sources, models) != EMBEDDED.read_bytes():
            write_table(EMBEDDED, table.sources, models)
            print(f"written: {EMBEDDED.relative_to(ROOT)}")
        return
    models, refused = read_source(given.litellm)
    sources = [_source("litellm", given.litellm)]
    for each in refused:
        print(f"left out: {each}")
    if given.genai_prices is not None:
        more = {name: price for name, price in _genai(given.genai_prices) if name not in models}
        print(f"genai-prices adds {len(more)} models to {len(models)}")
        models = {**models, **more}
        sources.append(_source("genai-prices", given.genai_prices))
    if EMBEDDED.exists():
        changes = list(differences(PriceTable(EMBEDDED), models))
        print(f"{len({change.name for change in changes})} models differ from the table as it was")
    write_table(EMBEDDED, sources, models)
    print(f"written: {EMBEDDED.relative_to(ROOT)}")


def _source(name: str, wheel: Path) -> dict[str, Any]:
    """Where prices come from; the date is that of the wheel's newest file, or today if it has none worth telling."""
    version = re.match(r"[A-Za-z_]+-([0-9][^-]*)-", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        newest = max(each.date_time for each in archive.infolist())
    date = f"{newest[0]:04}-{newest[1]:02}-{newest[2]:02}"
    if newest[0] < 2021:  # wheels that are built reproducibly have none
        date = datetime.now(UTC).date().isoformat()
    return {"name": name, "version": version[1] if version else "unknown", "date": date, **ABOUT[name]}


def _genai(wheel: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Models of genai-prices whose prices are plain numbers for each token."""
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        sys.path.insert(0, folder)
        try:
            from genai_prices.data import providers
        finally:
            sys.path.remove(folder)
    for provider in providers:
        prefix = VENDORS.get(provider.id)
        for model in provider.models if prefix else ():
            price = _plain(model.prices)
            if price:
                limits = {"max_input_tokens": model.context_window} if model.context_window else {}
                yield f"{prefix}/{model.id}", {"litellm_provider": prefix, **limits, **price}


def _plain(prices: Any) -> dict[str, Any] | None:
    """Prices in the table's words; None where they depend on something, or are for more than tokens of text."""
    if isinstance(prices, list):
        return None
    said = {name: value for name, value in vars(prices).items() if value is not None}
    if "input_mtok" not in said or not said.keys() <= FIELDS.keys():
        return None
    if not all(isinstance(value, Decimal) for value in said.values()):
        return None
    price = {FIELDS[name]: float(value / 1_000_000) for name, value in said.items()}
    if "output_cost_per_token" in price:
        return {"mode": "chat", **price}
    return {"output_cost_per_token": 0.0, **price}  # embeddings, rerankers


if __name__ == "__main__":
    main()
