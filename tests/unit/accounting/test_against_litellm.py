"""Our costs and those of LiteLLM's own calculator, for every model that both price.

LiteLLM is no dependency: `TIANJI_LITELLM_PYTHON` names the Python of an environment that has it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tianji_core.accounting.prices import Pricing, Rates, Used, cost_of, embedded_table
from tianji_core.accounting.prices.entries import price_of
from tianji_core.accounting.prices.ladders import BATCH
from tianji_core.accounting.prices.rates import TIERS
from tianji_core.accounting.prices.table import Price
from tianji_core.accounting.prices.tokens import token_cost
from tianji_core.api.callback import PER_DOLLAR, Cost, in_dollars

SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "plain": ({"prompt_tokens": 1_234, "completion_tokens": 567}, ""),
    "cached": (
        {"prompt_tokens": 10_000, "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 4_000}},
        "",
    ),
    "written": (
        {
            "prompt_tokens": 10_000,
            "completion_tokens": 500,
            "prompt_tokens_details": {
                "cached_tokens": 1_000,
                "cache_write_tokens": 3_000,
                "cache_creation_tokens": 3_000,
                "cache_creation_token_details": {
                    "ephemeral_5m_input_tokens": 2_000,
                    "ephemeral_1h_input_tokens": 1_000,
                },
            },
        },
        "",
    ),
    "reasoning": (
        {"prompt_tokens": 100, "completion_tokens": 900, "completion_tokens_details": {"reasoning_tokens": 700}},
        "",
    ),
    "audio": (
        {
            "prompt_tokens": 2_000,
            "completion_tokens": 900,
            "prompt_tokens_details": {"audio_tokens": 1_500, "text_tokens": 500},
            "completion_tokens_details": {"audio_tokens": 600, "text_tokens": 300},
        },
        "",
    ),
    "long": ({"prompt_tokens": 300_000, "completion_tokens": 5_000}, ""),
    "longer, cached": (
        {"prompt_tokens": 600_000, "completion_tokens": 5_000, "prompt_tokens_details": {"cached_tokens": 500_000}},
        "",
    ),
    "flex": (
        {"prompt_tokens": 9_000, "completion_tokens": 600, "prompt_tokens_details": {"cached_tokens": 2_000}},
        "flex",
    ),
    "priority, reasoning": (
        {"prompt_tokens": 9_000, "completion_tokens": 600, "completion_tokens_details": {"reasoning_tokens": 200}},
        "priority",
    ),
    "priority, long": ({"prompt_tokens": 280_000, "completion_tokens": 600}, "priority"),
}
BAR = 0.98
IMAGE_NAME = re.compile(r"^(?:[a-z]+/)?[0-9]+-x-[0-9]+/|/[0-9]+-x-[0-9]+/")


def asked_of(name: str, price: Price) -> Iterator[tuple[str, tuple[Any, ...], Used]]:
    """What is compared for a model: which calculation of LiteLLM's, with what, and the same for us."""
    for usage, tier in SHAPES.values():
        yield "tokens", (usage, tier), Used(usage, tier=TIERS.get(tier, ""))
    plain = SHAPES["plain"][0]
    yield "batch", (plain,), Used(plain, tier=BATCH)
    if price.get("mode") == "audio_transcription":
        yield "seconds", (12.5,), Used(None, "transcriptions", measured={"seconds": 12.5})
    if price.get("mode") == "image_generation" and not IMAGE_NAME.search(name):
        for size, quality in (("1024x1024", None), ("1024x1536", "high"), ("1024x1024", "low")):
            measured = {"images": 2, "size": size, "quality": quality}
            yield "images", (2, size, quality), Used(None, "images", measured=measured)


def sides(kind: str, rates: Rates, used: Used, theirs: Any) -> list[tuple[float, float]]:
    """Our costs and theirs, in dollars: of input and output where both tell them apart."""
    if kind == "tokens":
        ours = token_cost(rates, used.usage or {}, used.tier)
        return [(sum(ours[:3]) / PER_DOLLAR, theirs[0]), (sum(ours[3:]) / PER_DOLLAR, theirs[1])]
    found = cost_of(rates, None, used)
    return [(in_dollars(found.total) if isinstance(found, Cost) else -1.0, sum(theirs))]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_costs_are_those_of_litellm() -> None:
    python = os.environ.get("TIANJI_LITELLM_PYTHON")
    if not python:
        pytest.skip("TIANJI_LITELLM_PYTHON names no Python that has litellm")
    table = dict(embedded_table())
    all_asked = [
        (kind, name, given, used)
        for name, price in table.items()
        if "litellm_provider" in price
        for kind, given, used in asked_of(name, price)
    ]
    sent = [(kind, name, table[name]["litellm_provider"], *given) for kind, name, given, _ in all_asked]
    script = str(Path(__file__).parents[2] / "litellm_costs.py")
    done = subprocess.run([python, script], input=json.dumps(sent), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    same = {name for name, entry in told["models"].items() if price_of(entry)[0] == table[name]}
    assert len(same) > 3_000, "the table is of another version of LiteLLM"
    compared, different = Counter[str](), []
    for (kind, name, given, used), theirs in zip(all_asked, told["costs"], strict=True):
        if theirs is None or name not in same or None in theirs or (kind != "tokens" and not any(theirs)):
            continue
        pricing = Pricing(embedded_table(), table[name]["litellm_provider"], base_model=name)
        rates = pricing.rates(name) if kind == "images" else Rates(table[name], "table")
        assert rates is not None
        compared[kind] += 1
        # LiteLLM adds up floats, so a part in a billion is no difference.
        both = sides(kind, rates, used, theirs)
        if any(abs(ours - others) > 1e-9 * others + 3e-12 for ours, others in both):
            different.append((kind, name, given, both))
    share = 1 - len(different) / compared.total()
    models = {name for _, name, *_ in different}
    print(f"{dict(compared)} costs of {len(same)} models, {share:.2%} the same; different: {len(models)} models")
    for line in different[: int(os.environ.get("TIANJI_SHOW", "10"))]:
        print(*line)
    assert share >= BAR
    for kind, number in compared.items():
        assert sum(each[0] == kind for each in different) <= (1 - BAR) * number, kind
