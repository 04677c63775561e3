"""Our costs and those of LiteLLM's own calculator, for every model that both price.

LiteLLM is no dependency: `TIANJI_LITELLM_PYTHON` names the Python of an environment that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tianji_core.accounting.prices.entries import price_of
from tianji_core.accounting.prices.rates import TIERS, Rates
from tianji_core.accounting.prices.table import embedded_table
from tianji_core.accounting.prices.tokens import token_cost

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


@pytest.mark.long
@pytest.mark.timeout(600)
def test_costs_are_those_of_litellm() -> None:
    python = os.environ.get("TIANJI_LITELLM_PYTHON")
    if not python:
        pytest.skip("TIANJI_LITELLM_PYTHON names no Python that has litellm")
    table = dict(embedded_table())
    asked = [
        (name, price["litellm_provider"], usage, tier)
        for name, price in table.items()
        if "litellm_provider" in price
        for usage, tier in SHAPES.values()
    ]
    done = subprocess.run(
        [python, str(Path(__file__).parents[2] / "litellm_costs.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    same = {name for name, entry in told["models"].items() if price_of(entry)[0] == table[name]}
    assert len(same) > 3_000, "the table is of another version of LiteLLM"
    compared, different = 0, []
    shapes = [*SHAPES] * (len(asked) // len(SHAPES))
    for shape, (name, _, usage, tier), cost in zip(shapes, asked, told["costs"], strict=True):
        if cost is None or name not in same:
            continue
        rates = Rates(table[name], "table")
        ours = token_cost(rates, usage, TIERS.get(tier, ""))
        sides = ((sum(ours[:3]), cost[0]), (sum(ours[3:]), cost[1]))
        compared += 1
        # LiteLLM adds up floats, so a part in a billion is no difference.
        if any(abs(mine / 1e12 - theirs) > 1e-9 * theirs + 3e-12 for mine, theirs in sides):
            different.append((shape, name, [mine / 1e12 for mine, _ in sides], cost))
    share = 1 - len(different) / compared
    models = {name for _, name, *_ in different}
    print(f"{compared} costs of {len(same)} models, {share:.2%} the same; different: {len(models)} models")
    for line in different[: int(os.environ.get("TIANJI_SHOW", "10"))]:
        print(*line)
    assert share >= BAR
