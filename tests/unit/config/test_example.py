"""proxy_config.example.yaml and docs/reference/config.md are in step with the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts_config_reference import PAGE, ROOT, page

from tianji_core.config import load
from tianji_core.config.check import block_of
from tianji_core.config.marks import parse
from tianji_core.config.schema import Block, Config, keys_of

EXAMPLE = ROOT / "proxy_config.example.yaml"
COMMENTED = re.compile(r"^( *)#(?=[^# ])", re.MULTILINE)


@pytest.fixture
def everything() -> str:
    """The example with every commented YAML line taken in."""
    return COMMENTED.sub(r"\1", EXAMPLE.read_text())


def honoured(model: type[Block], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, about in keys_of(model).items():
        if about.honoured:
            yield path + name, about.default if about.default_text is None else None
            inner, _ = block_of(model, name)
            if inner is not None:
                yield from honoured(inner, f"{path}{name}.")


def given(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, list):
        for item in data:
            yield from given(item, path)
    elif isinstance(data, dict):
        for name, value in data.items():
            yield path + name, value
            # The keys of this map are names, as an entry's place is in a list.
            yield from given(list(value.values()) if path + name == "policies" else value, f"{path}{name}.")


def test_it_runs_as_it_is() -> None:
    loaded = load(EXAMPLE, {})
    assert loaded.report.format() == ""
    assert {row.litellm_params.model for row in loaded.config.model_list} == {"echo/echo-1"}
    assert len(loaded.config.model_list) == 2
    assert loaded.config.general_settings.master_key is None


def test_every_commented_line_can_be_taken_in(everything: str, tmp_path: Path) -> None:
    path = tmp_path / "proxy_config.yaml"
    path.write_text(everything)
    (tmp_path / "more-models.yaml").write_text("model_list: [{model_name: x, litellm_params: {model: echo/x}}]\n")
    environ = dict.fromkeys(("ECHO_API_KEY", "TIANJI_MASTER_KEY", "TEAM_A_KEY", "DATABASE_URL"), "x")
    loaded = load(path, environ)
    assert loaded.report.format() == ""
    assert len(loaded.config.model_list) == 3


def test_each_commented_line_can_be_taken_in_alone() -> None:
    """Those of one line: each is a key with a value of its own."""
    for line in EXAMPLE.read_text().splitlines():
        if COMMENTED.match(line):
            data, _ = parse(COMMENTED.sub("", line).strip().encode(), "x", [])
            assert isinstance(data, dict | list), line


def test_every_honoured_key_is_shown(everything: str) -> None:
    shown = dict(given(parse(everything.encode(), "x", [])[0]))
    assert {path for path, _ in honoured(Config)} - set(shown) == set()


def test_defaults_are_shown_as_they_are(everything: str) -> None:
    shown = dict(given(parse(everything.encode(), "x", [])[0]))
    for path, default in honoured(Config):
        if isinstance(default, str | int | float) and not path.startswith("model_list"):
            assert shown[path] == default or path == "guardrails.litellm_params.default_on", path


def test_every_line_says_what_it_means() -> None:
    for line in EXAMPLE.read_text().splitlines():
        if COMMENTED.match(line):
            assert " # " in line.lstrip(" #"), line


def test_the_page_is_in_step() -> None:
    assert PAGE.read_text() == page(), "run scripts/config_reference.py"
