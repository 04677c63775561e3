"""Who serves a name: id, alias, exact name, wildcards by how much they say, `*`."""

from __future__ import annotations

import time

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.routing import ModelTable


@pytest.fixture
def table(deployment):
    def make(*names, aliases=None):
        rows = [deployment(*name) if isinstance(name, tuple) else deployment(name) for name in names]
        return ModelTable(rows, aliases or {})

    return make


def group(table, name):
    target = table.resolve(name)
    return None if target is None else target.group


def test_exact_and_unknown(table):
    models = table("a", "b", ("a", "second"))
    assert len(models.resolve("a").deployments) == 2
    assert models.resolve("b").captured is None
    assert models.resolve("c") is None
    assert models.resolve("") is None
    assert models.resolve("A") is None


def test_ids(deployment):
    models = ModelTable([deployment("a", id="one"), deployment("a", id="two"), deployment("b", id="three")], {})
    target = models.resolve("two")
    assert [d.id for d in target.deployments] == ["two"]
    assert target.group == "a"


def test_an_id_wins_over_a_name(deployment):
    models = ModelTable([deployment("a", id="b"), deployment("b", id="x")], {})
    assert group(models, "b") == "a"


def test_aliases(table):
    models = table(
        "a", "b", aliases={"short": ("a", False), "secret": ("b", True), "b": ("a", False), "gone": ("x", False)}
    )
    assert group(models, "short") == "a"
    assert group(models, "secret") == "b"
    assert group(models, "b") == "a", "an alias wins over a name"
    assert group(models, "gone") is None
    listed = [name for name, _ in models.listed()]
    assert listed == ["short", "b", "a"]
    assert "secret" not in listed


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-4o-mini", "openai/gpt-4*"),
        ("openai/gpt-5", "openai/gpt-*"),
        ("openai/o1", "openai/*"),
        ("anthropic/x", "*/x"),
        ("openai/", "openai/*"),
        ("other", "*"),
        ("OPENAI/x", "*/x"),
        ("openai/\n", "openai/*"),
        ("", "*"),
    ],
)
def test_wildcards_by_how_much_they_say(table, name, wanted):
    names = ["*", "openai/*", "*/x", "openai/gpt-*", "openai/gpt-4*", "openai/gpt-4o"]
    for order in (names, names[::-1]):
        models = table(*order)
        assert group(models, name) == wanted
        assert group(models, name) == wanted  # from the cache


def test_what_a_star_stands_for(table, deployment):
    models = table(("openai/*", "*"), ("a/*/z", "up-*"), ("fixed-*", "always"), ("*", "any/*"))

    def upstream(name):
        target = models.resolve(name)
        return target.upstream_model(target.deployments[0])

    assert upstream("openai/gpt-4o") == "gpt-4o"
    assert upstream("a/b/c/z") == "up-b/c"
    assert upstream("fixed-x") == "always"
    assert upstream("foo") == "any/foo"
    assert upstream("*") == "any/*"
    assert upstream("openai/*") == "*"


def test_several_stars(table):
    models = table(("a*b*c", "*"))
    target = models.resolve("a1b2c")
    assert target.captured == "1"
    assert models.resolve("a1b2") is None


def test_meta_characters_are_letters(table):
    models = table("gpt-4.1*", "a+b*", "(x)*")
    assert group(models, "gpt-401") is None
    assert group(models, "gpt-4.1-mini") == "gpt-4.1*"
    assert group(models, "aab") is None
    assert group(models, "(x)y") == "(x)*"


def test_names_cannot_make_it_slow_or_large(table):
    models = table("a*b*c*d*e*f")
    started = time.perf_counter()
    assert models.resolve("a" + "b" * 300) is None
    assert time.perf_counter() - started < 1
    models = table("*")
    for i in range(5000):
        assert group(models, f"x{i}") == "*"
    assert len(models._resolved) <= 1000


def test_listed_and_wildcards(table):
    models = table("a", "w/*", "*")
    assert [name for name, _ in models.listed()] == ["a"]
    assert [name for name, _ in models.wildcards()] == ["w/*", "*"]


def test_order_sorts_a_group(deployment):
    models = ModelTable(
        [deployment("a", id="3", order=3), deployment("a", id="1", order=1), deployment("a", id="2", order=2)], {}
    )
    assert [d.id for d in models.resolve("a").deployments] == ["1", "2", "3"]


def test_rejected_parameters(deployment):
    row = deployment()
    assert row.rejected_params("m", "chat") == {"seed"}
    assert deployment(allowed_params=frozenset({"seed"})).rejected_params("m", "chat") == frozenset()
    for i in range(3000):
        row.rejected_params(f"m{i}", "chat")
    assert len(row._rejected) <= 1000


def test_a_part_of_the_table(deployment):
    a, b = deployment("m", id="a"), deployment("m", id="b")
    table = ModelTable([a, b, deployment("other", id="c")], {"alias": ("m", False)})

    def refusal(name):
        return BadRequestError(f"not {name}")

    part = table.only(lambda d: d.id == "b", refusal)
    for name in ("m", "alias", "b"):
        assert part.resolve(name).deployments == (b,)
    assert part.resolve("nothing") is None
    with pytest.raises(BadRequestError, match="not other"):
        part.resolve("other")
    assert table.only(lambda d: d.id == "b").resolve("other").deployments[0].id == "c"
    assert part.only(lambda d: d.id == "a").resolve("m").deployments == (b,)
    assert part.deployments == table.deployments
    assert part.listed() == table.listed()
