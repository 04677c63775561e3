"""Costs: against arithmetic done by hand, and what holds for all of them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from timeit import repeat
from typing import Any

import pytest
from hand_calculated import CASES, PRICES
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.accounting.prices import Pricing, Rates, Terms, Unpriced, Used, cost_of
from tianji_core.api.callback import PER_DOLLAR, Cost, in_dollars


class Pinned:
    """A table of the prices that the cases are about."""

    def get(self, name: str) -> Mapping[str, Any] | None:
        return PRICES.get(name)


def rates_of(model: str, more: Mapping[str, Any] | None = None) -> Rates:
    price = PRICES[model]
    vendor, _, name = model.rpartition("/")
    if vendor.startswith("azure/"):  # images that the table has by size and quality only
        found = Pricing(Pinned(), "azure").rates(name)
        assert found is not None
        return found
    sized = lambda size: PRICES.get(f"{size}/{model}")  # noqa: E731
    return Rates(price, (more or {}).get("source", "table"), sized=sized)


def worked_out(arithmetic: str) -> Fraction:
    """The dollars of an arithmetic in millionths of a dollar: sums and products of numbers as they are written."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            left, right = value(node.left), value(node.right)
            return left + right if isinstance(node.op, ast.Add) else left * right
        written = ast.get_source_segment(arithmetic, node)
        assert written is not None
        return Fraction(Decimal(written))

    return value(ast.parse(arithmetic, mode="eval").body) / 1_000_000


def cost(model: str, usage: Mapping[str, Any] | None, more: Mapping[str, Any]) -> Cost | Unpriced:
    terms = more.get("terms")
    used = Used(
        usage,
        more.get("operation", "chat"),
        more.get("body", {}),
        more.get("measured"),
        more.get("seconds", 0.0),
        more.get("tier", ""),
        more.get("at", 0.0),
    )
    return cost_of(
        rates_of(model, more), Terms(Decimal(terms[0]), Decimal(terms[1]), terms[2]) if terms else None, used
    )


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 200
    assert len({(model, what, str(more)) for model, what, _, _, more in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("model", "what", "usage", "arithmetic", "more"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES]
)
def test_cost_is_what_a_hand_works_out(
    model: str, what: str, usage: dict[str, Any] | None, arithmetic: str, more: dict[str, Any]
) -> None:
    found = cost(model, usage, more)
    assert isinstance(found, Cost)
    # The parts are rounded to whole numbers of 10^-12 dollars, each of them once.
    parts = sum(bool(part) for part in (*found[3:10], found.discount, found.margin))
    assert abs(Fraction(found.total, PER_DOLLAR) - worked_out(arithmetic)) <= Fraction(parts, 2 * PER_DOLLAR)
    if not more.get("terms"):
        assert in_dollars(found.total) == pytest.approx(float(worked_out(arithmetic)), rel=1e-9, abs=1e-12)
    adds_up(found)


def adds_up(found: Cost) -> None:
    parts = (found.input, found.cache_read, found.cache_write, found.output, found.reasoning, found.tools, found.other)
    assert sum(parts) == found.original
    assert found.original - found.discount + found.margin == found.total
    assert all(amount >= 0 for amount in (*parts, found.discount, found.margin, found.total))


COUNT = st.one_of(
    st.integers(-5, 10**7), st.sampled_from([None, "x", 1.5, True, 10**30, float("inf"), float("nan"), []])
)
DETAILS = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "video_tokens", "reasoning_tokens")
USAGES = st.fixed_dictionaries(
    {"prompt_tokens": COUNT, "completion_tokens": COUNT},
    optional={
        "prompt_tokens_details": st.dictionaries(st.sampled_from(DETAILS), COUNT),
        "completion_tokens_details": st.dictionaries(st.sampled_from(DETAILS), COUNT),
        "cache_creation": st.dictionaries(
            st.sampled_from(["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]), COUNT
        ),
        "cache_creation_input_tokens": COUNT,
        "inference_geo": st.sampled_from(["us", "eu", 7, None]),
        "server_tool_use": st.dictionaries(st.just("web_search_requests"), COUNT),
    },
)
NAMES = [
    *DETAILS,
    *("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details", "cache_creation"),
    *("cost", "total_cost", "cost_in_usd_ticks", "server_tool_use", "web_search_requests", "num_search_queries"),
    *(
        "seconds",
        "search_units",
        "pages",
        "character_count",
        "image_count",
        "web_search_options",
        "search_context_size",
    ),
    *("cached_tokens_details", "server_side_tool_usage_details", "inference_geo", "speed", "low", "us", "fast"),
]
TERMS = st.one_of(
    st.none(),
    st.builds(Terms, st.decimals(0, 1, places=4), st.decimals(0, 3, places=4), st.integers(0, 10**12)),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PRICES)), USAGES, st.sampled_from(["", "flex", "priority", "batches"]), TERMS)
def test_parts_add_up_and_nothing_is_negative(
    model: str, usage: dict[str, Any], tier: str, terms: Terms | None
) -> None:
    found = cost_of(rates_of(model), terms, Used(usage, tier=tier))
    if isinstance(found, Cost):
        adds_up(found)
        assert found == cost_of(rates_of(model), terms, Used(usage, tier=tier))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=12,
)
OPERATIONS = ["chat", "embeddings", "images", "speech", "transcriptions", "rerank", "moderations", "realtime"]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(PRICES)),
    st.one_of(st.none(), st.dictionaries(st.sampled_from(NAMES), JSON)),
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3),
    st.one_of(
        st.none(), st.dictionaries(st.sampled_from(["images", "size", "quality", "seconds", "characters"]), JSON)
    ),
    st.sampled_from(OPERATIONS),
)
def test_whatever_a_vendor_says_has_a_cost_or_a_reason(
    model: str, usage: Any, body: dict[str, Any], measured: Any, operation: Any
) -> None:
    found = cost_of(rates_of(model), None, Used(usage, operation, body, measured, seconds=1.5))
    if isinstance(found, Cost):
        adds_up(found)
    else:
        assert found.reason


@settings(max_examples=100, deadline=None)
@given(USAGES, st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "gpt-realtime", "gpt-5.4"]))
def test_details_never_make_a_call_cost_more_than_its_dearest_token(usage: dict[str, Any], model: str) -> None:
    rates = rates_of(model)
    usage.pop("server_tool_use", None)
    found = cost_of(rates, None, Used(usage))
    if isinstance(found, Unpriced):
        return
    assert isinstance(found, Cost)
    dearest = max(max(each) for each in (rates.ladder("").base, *(step for _, step in rates.ladder("").steps)))
    tokens = sum(_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    assert found.total <= tokens * dearest // 10**6 + 5


def _count(value: Any) -> int:
    if isinstance(value, float):
        return int(min(value, 10**12)) if value > 0 else 0
    return min(value, 10**12) if type(value) is int and value > 0 else 0


def test_costs_of_a_million_calls_add_up_to_the_cent() -> None:
    """The exact sum of exact costs, where a sum of floats would drift."""
    found = cost("fractions", {"prompt_tokens": 7, "completion_tokens": 3}, {})
    assert isinstance(found, Cost)
    assert found.total * 1_000_000 == sum(found.total for _ in range(1_000_000))
    exact = worked_out("7 * 0.0010000001 + 3 * 0.333333333") * 1_000_000
    assert abs(Fraction(found.total * 1_000_000, PER_DOLLAR) - exact) < Fraction(1, 100)


def test_what_nobody_knows_is_no_zero() -> None:
    assert cost_of(None, None, Used({"prompt_tokens": 1}), "openai/x") == Unpriced("no price is known for openai/x")
    for usage in (None, {}):
        assert isinstance(cost("gpt-4o", usage, {}), Unpriced)
    assert isinstance(cost("whisper-1", None, {"operation": "transcriptions"}), Unpriced)
    assert isinstance(cost("gpt-4o", None, {"operation": "speech", "measured": {"characters": 5}}), Unpriced)
    assert isinstance(cost("gpt-4o", None, {"operation": "images", "measured": {"images": 1}}), Unpriced)


def test_a_price_that_nobody_here_understands_is_no_zero() -> None:
    for price in ({"output_cost_per_second_720p": 0.1}, {"annotation_cost_per_page": 1}, {"litellm_provider": "x"}):
        for operation in ("chat", "images", "moderations"):
            found = cost_of(Rates(price, "table"), None, Used({"prompt_tokens": 5}, operation, measured={"images": 1}))
            assert isinstance(found, Unpriced), (price, operation)
    images = Rates({"input_cost_per_token": 0, "output_cost_per_image": 0.04}, "table")
    tokens = {"prompt_tokens": 5, "completion_tokens": 900}
    found = cost_of(images, None, Used(tokens, "images", measured={"images": 1}))
    assert isinstance(found, Cost)
    assert in_dollars(found.total) == 0.04, "tokens are free there, images are not"
    free = Rates({"input_cost_per_token": 0, "output_cost_per_image": "0.0"}, "config")
    assert cost_of(free, None, Used(None, "moderations")) == Cost(0, 0, "config")


def test_odd_reported_costs_are_not_believed() -> None:
    plain = cost("gpt-4o", {"prompt_tokens": 10, "completion_tokens": 0}, {})
    for odd in (-1, "much", float("nan"), float("inf"), {"total_cost": -2}, {}, [], True, 10**9):
        assert cost("gpt-4o", {"prompt_tokens": 10, "completion_tokens": 0, "cost": odd}, {}) == plain


PLAIN = {
    "prompt_tokens": 1234,
    "completion_tokens": 56,
    "total_tokens": 1290,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


def test_a_plain_call_is_priced_in_microseconds() -> None:
    rates, used = rates_of("gpt-4o"), Used(PLAIN)
    best = min(repeat(lambda: cost_of(rates, None, used), number=1000, repeat=20)) / 1000 * 1e6
    assert best < 10, f"{best:.1f} µs"  # measured: 2; the rest is for machines that have other things to do
