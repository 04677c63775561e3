"""Places inside a body: reading paths, and taking out what lies there."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji_core.gateway.paths import parse_path, without

BODY = {"tools": [{"x": 1, "f": {"strict": True}}, {"x": 2}, "odd"], "a.b": {"c": 1}, "seed": 5}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("seed", ("seed",)),
        ("a.b.c", ("a", "b", "c")),
        ("tools[*].input_examples", ("tools", None, "input_examples")),
        ("tools[0].x", ("tools", 0, "x")),
        ("a[1][*].b", ("a", 1, None, "b")),
        (r"a\.b.c", ("a.b", "c")),
        (r"a\[0\]", ("a[0]",)),
        ("input-examples", ("input-examples",)),
    ],
)
def test_paths(text, steps):
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[-1]", "a[x]", "a]", "[0]", "a[0]b", "a\\"]
)
def test_what_is_no_path(text):
    with pytest.raises(ValueError, match="is no path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("seed", {"tools": BODY["tools"], "a.b": {"c": 1}}),
        ("tools[*].x", {**BODY, "tools": [{"f": {"strict": True}}, {}, "odd"]}),
        ("tools[0].x", {**BODY, "tools": [{"f": {"strict": True}}, {"x": 2}, "odd"]}),
        ("tools[1]", {**BODY, "tools": [{"x": 1, "f": {"strict": True}}, "odd"]}),
        ("tools[*]", {**BODY, "tools": []}),
        ("tools[*].f.strict", {**BODY, "tools": [{"x": 1, "f": {}}, {"x": 2}, "odd"]}),
        (r"a\.b.c", {**BODY, "a.b": {}}),
    ],
)
def test_what_is_left(path, left):
    before = copy.deepcopy(BODY)
    assert without(BODY, parse_path(path)) == left
    assert before == BODY


@pytest.mark.parametrize("path", ["none", "tools[7].x", "tools.x", "seed[0]", "seed.x", "tools[*].none", "a.b.c"])
def test_no_place_no_change(path):
    assert without(BODY, parse_path(path)) is BODY


def test_what_does_not_change_is_shared():
    left = without(BODY, parse_path("tools[0].x"))
    assert left["tools"][1] is BODY["tools"][1]
    assert left["a.b"] is BODY["a.b"]


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_is_told_to_be_none(text):
    try:
        steps = parse_path(text)
    except ValueError:
        return
    assert steps
    assert without({"a": 1}, steps) in ({"a": 1}, {})
