"""Names with stars, and parts of the week."""

from __future__ import annotations

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.gateway.policies.conditions import HasValue
from tianji_core.gateway.policies.facts import Facts
from tianji_core.gateway.policies.patterns import Pattern, Patterns, by_weight
from tianji_core.gateway.policies.times import Window


@pytest.mark.parametrize(
    ("text", "fits", "not_fits"),
    [
        ("gpt-4o", ["gpt-4o"], ["gpt-4", "gpt-4o-mini", "GPT-4o"]),
        ("gpt-4*", ["gpt-4", "gpt-4o", "gpt-4\n"], ["gpt-", "my-gpt-4"]),
        ("*", ["", "x"], []),
        ("a*b*c", ["abc", "a-b-c"], ["ab", "abcd"]),
        ("gpt-3.5", ["gpt-3.5"], ["gpt-3x5"]),
        ("gpt-4.*", ["gpt-4", "gpt-4o"], ["xgpt-4"]),
        ("(a|b)-[0-9]+", ["a-1", "(a|b)-[0-9]+"], ["c-1", "a-"]),
    ],
)
def test_patterns(text, fits, not_fits):
    pattern = Pattern.of(text, expressions=True)
    assert [name for name in [*fits, *not_fits] if pattern.fits(name)] == fits


def test_a_regular_expression_only_where_they_are_allowed():
    assert not Pattern.of("a.+").fits("ab")
    with pytest.raises(re.error):
        Pattern.of("a(", expressions=True)


def test_what_says_more_comes_first():
    assert sorted(["*", "gpt*", "gpt-4*", "x", "gpt-4o"], key=by_weight) == ["gpt-4o", "x", "gpt-4*", "gpt*", "*"]


def test_a_lone_star_fits_nobody_too():
    assert Patterns.of(["*"]).fit(())
    assert not Patterns.of(["a*"]).fit(())
    assert Patterns.of([]) is None


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("window", "when", "zone", "holds"),
    [
        ((range(5), 540, 1020, "UTC"), "2026-03-02 09:00", "UTC", True),  # a Monday
        ((range(5), 540, 1020, "UTC"), "2026-03-02 08:59", "UTC", False),
        ((range(5), 540, 1020, "UTC"), "2026-03-02 17:00", "UTC", False),
        ((range(5), 540, 1020, "UTC"), "2026-03-07 12:00", "UTC", False),
        ((range(5), 540, 1020, "Asia/Tokyo"), "2026-03-02 09:30", "Asia/Tokyo", True),
        ((range(5), 540, 1020, "Asia/Tokyo"), "2026-03-02 09:30", "UTC", False),
        (([4], 1320, 360, "UTC"), "2026-03-06 23:00", "UTC", True),  # from Friday …
        (([4], 1320, 360, "UTC"), "2026-03-07 05:59", "UTC", True),  # … into Saturday
        (([4], 1320, 360, "UTC"), "2026-03-07 23:00", "UTC", False),
        (([4], 1320, 360, "UTC"), "2026-03-06 05:00", "UTC", False),
        ((range(7), 0, 1440, "UTC"), "2026-03-06 23:59", "UTC", True),
        (([6], 120, 180, "Europe/Berlin"), "2026-10-25 02:30", "Europe/Berlin", True),  # an hour that comes twice
    ],
)
def test_windows(window, when, zone, holds):
    made = Window(*window)
    assert made.holds(at(when, zone)) is holds
    assert made.holds(at(when, zone) + 1) is holds  # within the same minute, from memory


def test_an_hour_that_comes_twice_counts_twice():
    window = Window([6], 120, 180, "Europe/Berlin")
    start = at("2026-10-25 02:00", "Europe/Berlin")
    held = [window.holds(start + minute * 60) for minute in range(-1, 122)]
    assert held == [False] + [True] * 120 + [False] * 2


@pytest.mark.parametrize(
    ("metadata", "holds"),
    [
        ({"tier": "gold"}, True),
        ({"tier": "golden"}, True),
        ({"tier": ["x", "gold"]}, True),
        ({"tier": "silver"}, False),
        ({"tier": None}, False),
        ({}, False),
        ({"tier": 5}, True),
        ({"tier": 5.0}, True),
        ({"tier": True}, False),
        ({"tier": {"a": 1}}, False),
    ],
)
def test_metadata(metadata, holds):
    wanted = HasValue("tier", (Pattern.of("gold*"), 5))
    assert wanted.holds(Facts(metadata=metadata), False) is holds
    assert wanted.holds(Facts(said_metadata=metadata), True) is holds
    assert not wanted.holds(Facts(said_metadata=metadata), False)


def test_metadata_inside_of_objects():
    assert HasValue("a.b", (1,)).holds(Facts(metadata={"a": {"b": 1}}), False)
    assert HasValue("a.b", (1,)).holds(Facts(metadata={"a.b": 1}), False)
    assert not HasValue("a.b", (1,)).holds(Facts(metadata={"a": [1]}), False)
    assert not HasValue("a", (1,)).holds(Facts(metadata={"a": True}), False)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_stars_are_what_they_are_as_an_expression(text, name):
    expression = ".*".join(map(re.escape, text.split("*")))
    assert Pattern.of(text).fits(name) == (re.fullmatch(expression, name) is not None)


def test_long_names_are_compared_quickly():
    pattern = Pattern.of("*a*a*a*a*b")
    started = time.perf_counter()
    assert not pattern.fits("a" * 200_000)
    assert time.perf_counter() - started < 0.5
