from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tianji_core.config import ConfigError, Loaded, Report, load_mapping

Loads = Callable[..., Loaded]
A = "model_list:\n- {model_name: a, litellm_params: {model: echo/a}}\n"
B = "model_list:\n- {model_name: b, litellm_params: {model: echo/b}}\n"


def names(loaded: Loaded) -> list[str]:
    return [row.model_name for row in loaded.config.model_list]


def test_lists_are_joined_and_all_else_is_replaced(loads: Loads) -> None:
    loaded = loads(
        "include: [b.yaml]\nrouter_settings: {num_retries: 1, timeout: 5}\n" + A,
        b_yaml="router_settings: {timeout: 7}\n" + B,
    )
    assert names(loaded) == ["a", "b"]
    assert loaded.config.router_settings.timeout == 7
    assert loaded.config.router_settings.num_retries == 2  # the whole block was replaced
    assert [path.name for path in loaded.files] == ["proxy_config.yaml", "b.yaml"]


def test_a_circle_ends_by_itself(loads: Loads) -> None:
    loaded = loads("include: [b.yaml]\n" + A, b_yaml="include: [proxy_config.yaml, b.yaml]\n" + B)
    assert names(loaded) == ["a", "b"]
    assert not loaded.report


def test_a_file_counts_once(loads: Loads) -> None:
    assert names(loads("include: [b.yaml, b.yaml, ./b.yaml]\n" + A, b_yaml=B)) == ["a", "b"]


def test_paths_are_relative_to_the_including_file(loads: Loads) -> None:
    loaded = loads("include: [x/a.yaml]\n", x__a_yaml="include: [y/b.yaml]\n" + A, x__y__b_yaml=B)
    assert names(loaded) == ["a", "b"]
    assert not loaded.report


def test_the_root_folder_is_asked_second_with_a_warning(loads: Loads) -> None:
    loaded = loads("include: [x/a.yaml]\n", x__a_yaml="include: [b.yaml]\n" + A, b_yaml=B)
    assert names(loaded) == ["a", "b"]
    assert [(problem.kind, problem.where) for problem in loaded.report] == [("include", "x/a.yaml:1")]


def test_mistakes_in_included_files_name_them(report: Callable[..., Report]) -> None:
    found = report("include: [b.yaml]\n" + A, b_yaml="# b\nx: [\n")
    assert found.problems[0].where.startswith("b.yaml:3")
    found = report("a: 1\na: 2\ninclude: [b.yaml]\n", b_yaml="- x\n")
    assert [problem.where for problem in found] == ["proxy_config.yaml:2", "b.yaml:1"]


def test_spellings_meet_across_files(loads: Loads) -> None:
    loaded = loads(
        "include: [b.yaml]\nlitellm_settings: {json_logs: true}\n", b_yaml="tianji_settings: {drop_params: true}\n"
    )
    assert loaded.config.litellm_settings.drop_params
    assert not loaded.config.litellm_settings.json_logs
    assert not loaded.report


def test_an_empty_included_file_adds_nothing(loads: Loads) -> None:
    assert names(loads("include: [b.yaml]\n" + A, b_yaml="# later\n")) == ["a"]


@pytest.mark.parametrize("name", ["a\\0b", "x" * 5000])
def test_impossible_paths_are_errors(report: Callable[..., Report], name: str) -> None:
    assert report(f'include: ["{name}"]\n').fatal[0].where == "proxy_config.yaml:1"


def test_a_mapping_includes_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.yaml").write_text(B)
    monkeypatch.chdir(tmp_path)
    loaded = load_mapping({"include": ["b.yaml"]}, environ={})
    assert names(loaded) == ["b"]
    assert loaded.where(("model_list", 0)) == "b.yaml:2"
    with pytest.raises(ConfigError):
        load_mapping({"include": ["gone.yaml"]}, environ={})
