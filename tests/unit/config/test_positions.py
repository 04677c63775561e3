# ruff: noqa: E501  # one case, one line
"""Where things stand: through includes, anchors, merge keys, both spellings; and for configs that are no files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tianji_core.config import Loaded, load_mapping
from tianji_core.config.marks import parse
from tianji_core.config.report import Problem

Loads = Callable[..., Loaded]


def test_a_key_stands_where_its_name_stands(loads: Loads) -> None:
    loaded = loads(
        """\
        model_list:
          - model_name: a
            tianji_params:
              model:
                echo/a
        """
    )
    assert loaded.where(("model_list", 0, "litellm_params", "model")) == "proxy_config.yaml:4"
    assert loaded.where(("model_list", 0, "tianji_params", "model")) == "proxy_config.yaml:4"
    assert loaded.where(("model_list", 0)) == "proxy_config.yaml:2"
    assert loaded.spelling(("model_list", 0, "litellm_params", "model")) == "model_list[0].tianji_params.model"


@pytest.mark.parametrize(
    "path",
    [
        ("model_list", 0, "litellm_params", "api_key"),
        ("model_list", 0, "litellm_params", "api_key", 3, "x"),
    ],
)
def test_what_is_not_there_stands_where_its_parent_does(loads: Loads, path: tuple[str | int, ...]) -> None:
    loaded = loads("model_list:\n  - model_name: a\n    litellm_params:\n      model: echo/a\n")
    assert loaded.where(path) == "proxy_config.yaml:3"
    assert loaded.where(("router_settings",)) == "proxy_config.yaml:1"


def test_rows_of_included_files_name_their_file(loads: Loads) -> None:
    loaded = loads(
        "include: [more/a.yaml]\nmodel_list:\n- {model_name: a, litellm_params: {model: echo/a}}\n",
        more__a_yaml="# a\ninclude: [b.yaml]\nmodel_list:\n- {model_name: b, litellm_params: {model: echo/b, api_bse: x}}\n",
        more__b_yaml="model_list:\n- {model_name: c, litellm_params: {model: echo/c}}\nrouter_settings:\n  num_retries: 1\n",
    )
    assert [row.model_name for row in loaded.config.model_list] == ["a", "b", "c"]
    assert [loaded.where(("model_list", index)) for index in range(3)] == [
        "proxy_config.yaml:3",
        "more/a.yaml:4",
        "more/b.yaml:2",
    ]
    assert loaded.where(("router_settings", "num_retries")) == "more/b.yaml:4"
    assert str(loaded.report.problems[0]).startswith("more/a.yaml:4: model_list[1].litellm_params.api_bse")


def test_merged_keys_stand_where_they_were_written(loads: Loads) -> None:
    loaded = loads(
        """\
        x: &common
          timeout: 5
          rpm: many
        model_list:
          - model_name: a
            litellm_params:
              <<: *common
              model: echo/a
              timeout: 7
        """
    )
    wrong = [problem for problem in loaded.report if problem.kind == "invalid-deployment"]
    assert [problem.where for problem in wrong] == ["proxy_config.yaml:3"]
    assert loaded.where(("model_list", 0, "litellm_params", "timeout")) == "proxy_config.yaml:9"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n", {"x": 1, "y": 3}),
        ("a: &a {x: 1}\nc: &c {x: 2, z: 3}\nb:\n  <<: [*a, *c]\n", {"x": 1, "z": 3}),
        ("a: &a {x: 1}\nb:\n  y: 2\n  <<: *a\n", {"x": 1, "y": 2}),
        ("a: &a {x: 1}\nb:\n  '<<': 2\n", {"<<": 2}),
        ("b: {on: 1, 2: x, null: y, 2024-01-01: z}\n", {"on": 1, "2": "x", "null": "y", "2024-01-01": "z"}),
        ("b: {v: 2024-10-21, i: 0x10, f: 1.5, n: ~, t: yes, s: '1', o: 010}\n",
         {"v": "2024-10-21", "i": 16, "f": 1.5, "n": None, "t": True, "s": "1", "o": 8}),
        ("b: {s: !!str 1, i: !!int '1', l: !!seq [], m: !!map {}, e: ! 2}\n", {"s": "1", "i": 1, "l": [], "m": {}, "e": "2"}),
        ('{"b": {"a": [1, 2.5, true, null, "x"]}}', {"a": [1, 2.5, True, None, "x"]}),
        ('{"b": {"e": "\\ud83d\\ude00\\ud83d\\ude00", "f": "\\\\ud83d"}}', {"e": "😀😀", "f": "\\ud83d"}),
        ('{\n\t"b": {\n\t\t"a": [\n\t\t\t1\n\t\t]\n\t}\n}\n', {"a": [1]}),
        ("\ufeffb: {u: é}\n", {"u": "é"}),
    ],
)  # fmt: skip
def test_yaml_means_what_it_means_to_the_reference(text: str, value: object) -> None:
    problems: list[Problem] = []
    data, _ = parse(text.encode(), "x", problems)
    assert data["b"] == value
    assert problems == []


def test_a_mapping_has_paths_for_places() -> None:
    loaded = load_mapping(
        {"model_list": [{"model_name": "a", "tianji_params": {"model": "echo/a", "api_bse": "x"}}]}, environ={}
    )
    assert str(loaded.report.problems[0]) == (
        '<config>: model_list[0].tianji_params.api_bse: unknown key. Did you mean "api_base"?'
    )
    assert loaded.where(("model_list", 0, "litellm_params", "model")) == "<config>: model_list[0].tianji_params.model"
    assert loaded.path is None


def test_rows_keep_their_number_when_others_are_left_out(loads: Loads) -> None:
    loaded = loads("model_list:\n- nonsense\n- {model_name: b, litellm_params: {model: echo/b}}\n")
    (row,) = loaded.config.model_list
    assert row.index == 1
    assert loaded.where(("model_list", row.index)) == "proxy_config.yaml:3"
