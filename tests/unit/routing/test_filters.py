"""What keeps a deployment from a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tianji_core.api import errors
from tianji_core.api.call import Principal
from tianji_core.routing import Selection, SimpleShuffle, Stats
from tianji_core.routing.filters import (
    AccessFilter,
    BlockedFilter,
    ContextFilter,
    LimitFilter,
    ParallelFilter,
    RegionFilter,
    ResponseFormatFilter,
    TagFilter,
    region_of,
)


@dataclass
class Asked:
    """A call, as filters see it."""

    tags: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    principal: Principal = field(default_factory=Principal)
    body: dict[str, Any] = field(default_factory=dict)
    model: str = "m"
    operation: str = "chat"
    stream: bool = False
    id: str = "call"


def kept(each, rows, stats=None, **asked):
    return "".join(d.id for d in each.keep(rows, Asked(**asked), stats or Stats()))


@pytest.fixture
def tagged(deployment):
    """Deployments named by their letters, with the tags after them."""

    def make(*specs):
        return [deployment(id=name, tags=tuple(tags.split())) for name, _, tags in (s.partition(":") for s in specs)]

    return make


@pytest.mark.parametrize(
    ("rows", "tags", "expected"),
    [
        (["a:free", "b:paid", "c"], ("free",), "a"),
        (["a:free", "b:paid", "c:free paid"], ("paid",), "bc"),
        (["a:free", "b:paid"], ("free", "paid"), "ab"),
        (["a:free", "b:paid", "c"], (), "abc"),
        (["a:free", "b:default"], (), "b"),
        (["a:free", "b:default"], ("nobody-has-it",), "b"),
        (["a:free", "b:paid"], ("nobody-has-it",), ""),
        (["a:free", "b:paid", "c"], ("!free",), "bc"),
        (["a:free eu", "b:free", "c:eu"], ("free", "!eu"), "b"),
        (["a:free eu", "b:free", "c:eu"], ("free", "&eu"), "a"),
        (["a:free eu", "b:free", "c:eu"], ("&eu",), "ac"),
        (["a:free eu", "b:default"], ("free", "!eu"), ""),
    ],
)
def test_tags(tagged, rows, tags, expected):
    assert kept(TagFilter(), tagged(*rows), tags=tags) == expected


def test_all_tags_have_to_match(tagged):
    rows = tagged("a:free eu", "b:free", "c:eu")
    assert kept(TagFilter(match_any=False), rows, tags=("free", "eu")) == "a"
    assert kept(TagFilter(match_any=False), rows, tags=("free",)) == "ab"
    assert kept(TagFilter(match_any=False), rows, tags=("free", "other")) == ""


def test_a_prefix_of_tags(tagged):
    rows = tagged("a:free", "b:paid", "c:default")
    assert kept(TagFilter(prefix="route:"), rows, tags=("paid", "route:free")) == "a"
    assert kept(TagFilter(prefix="route:"), rows, tags=("paid",)) == "c"
    assert kept(TagFilter(prefix="route:"), rows, tags=("!route:free", "route:")) == "bc"
    assert kept(TagFilter(), rows, tags=("!", "&")) == "c"


def test_a_refusal_of_tags(tagged):
    error = TagFilter().refusal(tagged("a:free"), Asked(tags=("x",)), Stats())
    assert error.http_status == 401
    assert "x" in error.message


def test_limits(deployment):
    rows = [deployment(id="a", rpm=2), deployment(id="b", tpm=100), deployment(id="c"), deployment(id="d", rpm=0)]
    stats = Stats()
    assert kept(LimitFilter(), rows, stats) == "abc"
    for name in "abc":
        stats.began(name)
        stats.succeeded(name, 1.0, 1, None, 99)
    assert kept(LimitFilter(), rows, stats) == "abc"
    for name in "abc":
        stats.began(name)
        stats.succeeded(name, 1.0, 1, None, 1)
    assert kept(LimitFilter(), rows, stats) == "c"
    error = LimitFilter().refusal(rows, Asked(), stats)
    assert error.http_status == 429
    assert 0 < error.retry_after <= 60


def test_calls_at_once(deployment):
    rows, stats = [deployment(id="a", max_parallel=2), deployment(id="b")], Stats()
    for _ in range(2):
        assert kept(ParallelFilter(), rows, stats) == "ab"
        stats.began("a")
    assert kept(ParallelFilter(), rows, stats) == "b"
    stats.gave_up("a")
    assert kept(ParallelFilter(), rows, stats) == "ab"
    assert ParallelFilter().refusal(rows, Asked(), stats).retry_after == 1.0


@pytest.mark.parametrize(
    ("params", "info", "region"),
    [
        ({"aws_region_name": "eu-west-1"}, {}, "eu-west-1"),
        ({"vertex_location": "Europe-West4"}, {}, "europe-west4"),
        ({"region_name": "us-east-1"}, {"region": "EU"}, "eu"),
        ({}, {}, None),
        ({"region_name": 5}, {}, None),
    ],
)
def test_where_a_row_runs(params, info, region):
    assert region_of(params, info) == region


def test_regions(deployment):
    names = {"a": "eu-west-1", "b": "europe-west4", "c": "us-east-1", "d": None, "e": "eu", "f": "euphoria"}
    rows = [deployment(id=name, region=region) for name, region in names.items()]
    eu = Principal(metadata={"allowed_model_region": "eu"})
    assert kept(RegionFilter(), rows, principal=eu) == "abe"
    assert kept(RegionFilter(), rows, principal=Principal(metadata={"allowed_model_region": "US-east-1"})) == "c"
    assert kept(RegionFilter(), rows) == "abcdef"
    assert RegionFilter().refusal(rows, Asked(principal=eu), Stats()).http_status == 400


def test_prompts_that_are_too_long(deployment):
    rows = [deployment(id="a", max_input_tokens=10), deployment(id="b", max_input_tokens=20), deployment(id="c")]
    assert kept(ContextFilter(), rows, prompt_tokens=10) == "abc"
    assert kept(ContextFilter(), rows, prompt_tokens=11) == "bc"
    assert kept(ContextFilter(), rows, prompt_tokens=None) == "abc"
    error = ContextFilter().refusal(rows[:2], Asked(prompt_tokens=30), Stats())
    assert isinstance(error, errors.ContextWindowExceededError)
    assert "30" in error.message
    assert "20" in error.message


def test_answers_in_a_format(deployment):
    able, unable, dropping = deployment(id="a"), deployment(id="b"), deployment(id="c", drop_params=True)
    for each in (unable, dropping):
        each.provider.unsupported_params = frozenset({"response_format"})
    assert kept(ResponseFormatFilter(), [able, unable, dropping], body={"response_format": {"type": "json"}}) == "ac"
    assert kept(ResponseFormatFilter(), [able, unable, dropping]) == "abc"
    assert isinstance(ResponseFormatFilter().refusal([unable], Asked(), Stats()), errors.UnsupportedParamsError)


def test_other_teams(deployment):
    rows = [deployment(id="a", info={"team_id": "t1"}), deployment(id="b", info={})]
    assert kept(AccessFilter(), rows, principal=Principal(team_id="t1")) == "ab"
    assert kept(AccessFilter(), rows, principal=Principal(team_id="t2")) == "b"
    assert kept(AccessFilter(), rows, principal=Principal(roles=frozenset({"proxy_admin"}))) == "ab"
    assert AccessFilter().refusal(rows, Asked(), Stats()).http_status == 403


def test_out_of_use(deployment):
    rows = [deployment(id="a", info={"blocked": True}), deployment(id="b", info={})]
    assert kept(BlockedFilter(), rows) == "b"
    assert BlockedFilter().refusal(rows, Asked(), Stats()).http_status == 404


def test_one_after_the_other(tagged):
    rows = tagged("a:free", "b:free", "c:paid")
    rows[0].info = {"blocked": True}
    selection = Selection(SimpleShuffle(), {"m": (BlockedFilter(), TagFilter())})
    told = []
    found = selection.eligible(
        "m", rows, Asked(tags=("free",)), Stats(), lambda out, why: told.append((out[0].id, why))
    )
    assert [d.id for d in found] == ["b"]
    assert told == [("a", "blocked"), ("c", "tags")]
    with pytest.raises(errors.AuthenticationError):
        selection.eligible("m", rows, Asked(tags=("x",)), Stats())
    assert selection.eligible("other", rows, Asked(tags=("x",)), Stats()) is rows
