# ruff: noqa: E501  # one case, one line
"""Every way to write a config wrongly that we thought of, and the one line that is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tianji_core.config import ConfigError, Report, load

ROW = "model_list:\n  - model_name: a\n    litellm_params:\n      model: echo/a\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)

# name: (text, kind, how the line of the report begins, whether loading fails)
CASES: dict[str, tuple[str | bytes, str, str, bool]] = {
    # -- not YAML
    "empty file": ("", "empty", "proxy_config.yaml: Config cannot be None or Empty", True),
    "comments only": ("# nothing\n", "empty", "proxy_config.yaml: Config cannot be None or Empty", True),
    "a list": ("- a\n", "type", "proxy_config.yaml:1: the file must be a mapping", True),
    "a word": ("model_list\n", "type", "proxy_config.yaml:1: the file must be a mapping", True),
    "tab indents": ("model_list:\n\t- x\n", "syntax", "proxy_config.yaml:2:1: a tab cannot indent YAML", True),
    "unclosed bracket": ("a: [1, 2\nb: 3\n", "syntax", "proxy_config.yaml:2:", True),
    "unclosed quote": ('a: "x\nb: 3\n', "syntax", "proxy_config.yaml:3:1: ", True),
    "bad indent": ("a:\n  b: 1\n c: 2\n", "syntax", "proxy_config.yaml:3:2: ", True),
    "two colons": ("a: b: c\n", "syntax", "proxy_config.yaml:1:5: ", True),
    "bad escape": ('a: "\\q"\n', "syntax", "proxy_config.yaml:1:", True),
    "two documents": ("a: 1\n---\nb: 2\n", "syntax", "proxy_config.yaml:2:1: a second document", True),
    "python tag": ("a: !!python/object:os.system x\n", "syntax", "proxy_config.yaml:1:4: the tag !!python/object", True),
    "own tag": ("a:\n  - !env X\n", "syntax", "proxy_config.yaml:2:5: the tag !env is not allowed", True),
    "own tag on a map": ("a: !x {b: 1}\n", "syntax", "proxy_config.yaml:1:4: the tag !x", True),
    "binary": ("a: !!binary aGk=\n", "syntax", "proxy_config.yaml:1:4: the tag !!binary", True),
    "not that type": ("a: !!int three\n", "syntax", "proxy_config.yaml:1:4: this is not a valid int", True),
    "enormous number": ("a: " + "9" * 6000, "syntax", "proxy_config.yaml:1:4: this is not a valid int", True),
    "unknown alias": ("a: *b\n", "syntax", "proxy_config.yaml:1:4: the alias *b has no anchor", True),
    "alias in itself": ("a: &b [*b]\n", "syntax", "proxy_config.yaml:1:8: the alias *b stands inside", True),
    "map as key": ("? {a: 1}\n: 2\n", "syntax", "proxy_config.yaml:1:3: a key must be text", True),
    "merge of text": ("a:\n  <<: text\n", "syntax", 'proxy_config.yaml:2: the merge key "<<"', True),
    "billion laughs": (BOMB, "limit", "proxy_config.yaml:5:", True),
    "deep flow": ("a: " + "[" * 5000, "limit", "proxy_config.yaml:1:", True),
    "deep block": ("".join("  " * i + "a:\n" for i in range(150)), "limit", "proxy_config.yaml:101:", True),
    "not utf-8": (b"a: 1\nb: \xff\n", "encoding", "proxy_config.yaml:2: not UTF-8: byte 0xff at offset 8", True),
    "utf-16": ("a: 1\n".encode("utf-16"), "encoding", "proxy_config.yaml:1: not UTF-8", True),
    "NUL": (b"a: 1\nb: x\0y\n", "encoding", "proxy_config.yaml:2:5: a NUL character", True),
    "control character": (b"a: \x07\n", "encoding", "proxy_config.yaml:1:4: the control character U+0007", True),
    # -- keys
    "duplicate block": (
        ROW + "model_list: []\n", "duplicate-key",
        'proxy_config.yaml:5: model_list: the key "model_list" is given twice, first in line 1', True,
    ),
    "duplicate in a row": (
        ROW + "      model: echo/b\n", "duplicate-key",
        'proxy_config.yaml:5: model_list[0].litellm_params.model: the key "model" is given twice, first in line 4', True,
    ),
    "both spellings": (
        "litellm_settings: {}\ntianji_settings: {}\n", "duplicate-key",
        'proxy_config.yaml:2: tianji_settings: given twice: "tianji_settings" means the same as "litellm_settings"', True,
    ),
    "both spellings in a row": (
        ROW + "    tianji_params: {model: echo/b}\n", "duplicate-key",
        "proxy_config.yaml:5: model_list[0].tianji_params: given twice", True,
    ),
    "slip in a row": (
        ROW + "      api_bse: x\n", "unknown-key",
        'warning: proxy_config.yaml:5: model_list[0].litellm_params.api_bse: unknown key. Did you mean "api_base"?', False,
    ),
    "slip at the top": (
        "modle_list: []\n", "unknown-key",
        'warning: proxy_config.yaml:1: modle_list: unknown key. Did you mean "model_list"?', False,
    ),
    "slip in a guardrail": (
        "guardrails:\n- guardrail_name: a\n  litellm_params: {guardrail: x, defaut_on: true}\n", "unknown-key",
        'warning: proxy_config.yaml:3: guardrails[0].litellm_params.defaut_on: unknown key. Did you mean "default_on"?', False,
    ),
    "wrong block": (
        "litellm_settings:\n  master_key: x\n", "unknown-key",
        'warning: proxy_config.yaml:2: litellm_settings.master_key: unknown key. It belongs under "general_settings".', False,
    ),
    "top-level jwt": (
        "enable_jwt_auth: true\n", "unknown-key",
        'warning: proxy_config.yaml:1: enable_jwt_auth: unknown key. It belongs under "general_settings".', False,
    ),
    "nonsense": ("general_settings:\n  qqqqq: 1\n", "unknown-key", "warning: proxy_config.yaml:2: general_settings.qqqqq: unknown key", False),
    "rare": (
        "general_settings:\n  enforce_rbac: true\n", "not-honoured",
        "warning: proxy_config.yaml:2: general_settings.enforce_rbac: known, not honoured yet", False,
    ),
    "common, not yet": (
        "litellm_settings:\n  log_raw_request_response: true\n", "not-honoured",
        "warning: proxy_config.yaml:2: litellm_settings.log_raw_request_response: known, not honoured yet", False,
    ),
    # -- types
    "word for an integer": (
        "router_settings:\n  num_retries: three\n", "type",
        'proxy_config.yaml:2: router_settings.num_retries: expected an integer, got "three"', True,
    ),
    "negative": ("router_settings:\n  num_retries: -1\n", "type", "proxy_config.yaml:2: router_settings.num_retries: expected 0 or more, got -1", True),
    "boolean for an integer": ("router_settings:\n  num_retries: true\n", "type", "proxy_config.yaml:2: router_settings.num_retries: expected an integer, got true", True),
    "fraction for an integer": ("router_settings:\n  num_retries: 1.5\n", "type", "proxy_config.yaml:2: router_settings.num_retries: expected an integer, got 1.5", True),
    "unit in a number": ("router_settings:\n  timeout: 60s\n", "type", 'proxy_config.yaml:2: router_settings.timeout: expected a number, got "60s"', True),
    "infinite": ("router_settings:\n  timeout: .inf\n", "type", "proxy_config.yaml:2: router_settings.timeout: expected a finite number", True),
    "list for a block": ("router_settings:\n  - a\n", "type", "proxy_config.yaml:1: router_settings: expected a mapping, got a list", True),
    "map for a list": ("guardrails:\n  a: 1\n", "type", "proxy_config.yaml:1: guardrails: expected a list, got a mapping", True),
    "map for names": ("litellm_settings:\n  callbacks: {a: 1}\n", "type", "proxy_config.yaml:2: litellm_settings.callbacks: expected a list, got a mapping", True),
    "boolean for text": ("general_settings:\n  custom_auth: yes\n", "type", "proxy_config.yaml:2: general_settings.custom_auth: expected text, got true. Put it in quotes.", True),
    "other word": ("litellm_settings:\n  drop_params: maybe\n", "type", 'proxy_config.yaml:2: litellm_settings.drop_params: expected true or false, got "maybe"', True),
    "choice": ("general_settings:\n  response_header_prefix: x-foo-\n", "type", 'proxy_config.yaml:2: general_settings.response_header_prefix: expected "x-litellm-" or "x-tianji-"', True),
    "fallback as text": ("router_settings:\n  fallbacks: a\n", "type", "proxy_config.yaml:2: router_settings.fallbacks: expected a list of {model: [models]}", True),
    "fallback of numbers": ("router_settings:\n  fallbacks: [{a: [1]}]\n", "type", "proxy_config.yaml:2: router_settings.fallbacks: expected a list of {model: [models]}", True),
    "alias without group": ("router_settings:\n  model_group_alias:\n    a: {hidden: true}\n", "type", "proxy_config.yaml:3: router_settings.model_group_alias.a.model: required key missing", True),
    "guardrail stage": (
        "guardrails:\n- guardrail_name: a\n  litellm_params:\n    guardrail: x\n    mode: before\n", "type",
        "proxy_config.yaml:5: guardrails[0].litellm_params.mode: expected one or more of pre_call", True,
    ),
    "guardrail without name": ("guardrails:\n- litellm_params: {guardrail: x}\n", "type", "proxy_config.yaml:2: guardrails[0].guardrail_name: required key missing", True),
    "include as text": ("include: a.yaml\n", "type", "proxy_config.yaml:1: include: expected a list of file names", True),
    "include of nothing": ("include:\n  - gone.yaml\n", "unreadable", "proxy_config.yaml:2: cannot read gone.yaml: no such file", True),
    "environment as list": ("environment_variables: [a]\n", "type", "proxy_config.yaml:1: environment_variables: expected a mapping", True),
    "map as variable": ("environment_variables:\n  A: {b: c}\n", "type", "proxy_config.yaml:2: environment_variables.A: expected text", True),
    # -- errors one can start with
    "row without model": (
        "model_list:\n  - model_name: a\n    litellm_params:\n      api_key: x\n", "invalid-deployment",
        "proxy_config.yaml:3: model_list[0].litellm_params.model: required key missing. The row is left out.", False,
    ),
    "row without name": ("model_list:\n  - litellm_params: {model: a/b}\n", "invalid-deployment", "proxy_config.yaml:2: model_list[0].model_name: required key missing", False),
    "row without params": ("model_list:\n  - model_name: a\n", "invalid-deployment", "proxy_config.yaml:2: model_list[0].litellm_params: required key missing", False),
    "row of text": ("model_list:\n  - gpt-4o\n", "invalid-deployment", "proxy_config.yaml:2: model_list[0]: expected a mapping", False),
    "wrong type in a row": (
        ROW + "      rpm: many\n", "invalid-deployment",
        'proxy_config.yaml:5: model_list[0].litellm_params.rpm: expected an integer, got "many". The row is left out.', False,
    ),
    "rows as a map": ("model_list:\n  a: 1\n", "type", "proxy_config.yaml:1: model_list: expected a list, got a mapping", True),
    "dangerous variable": (
        "environment_variables:\n  LD_PRELOAD: /x.so\n", "refused-variable",
        "proxy_config.yaml:2: environment_variables.LD_PRELOAD: this variable decides which code is run", False,
    ),
    "unset variable": (
        ROW + "      api_key: os.environ/GONE\n", "missing-env",
        'warning: proxy_config.yaml:5: model_list[0].litellm_params.api_key: the environment variable "GONE" is not set', False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_with_its_line(name: str, write: Callable[..., Path]) -> None:
    text, kind, begins, fails = CASES[name]
    path = write(text)
    if fails:
        with pytest.raises(ConfigError) as raised:
            load(path, {})
        report = raised.value.report
        assert report.fatal
        assert str(raised.value) == report.format()
    else:
        report = load(path, {}).report
        assert not report.fatal
    assert [problem.kind for problem in report] == [kind], report.format()
    assert report.format().startswith(begins)


def test_all_mistakes_are_told_at_once_and_in_order(report: Callable[..., Report]) -> None:
    found = report(
        """
        model_list: 3
        router_settings: {num_retries: x, timeout: y}
        general_settings: {max_request_size_mb: z, qqqqq: 1}
        litellm_settings: {log_raw_request_response: true}
        """
    )
    assert [problem.where for problem in found] == [f"proxy_config.yaml:{line}" for line in (2, 3, 3, 4, 4, 5)]
    assert found.format().endswith("4 errors, 2 warnings")
    assert len(found.errors) == 4
    assert len(found.warnings) == 2


def test_the_report_can_be_in_colour(report: Callable[..., Report]) -> None:
    text = report("general_settings: {qqqqq: 1}\n").format(colour=True)
    assert "\x1b[33mwarning: \x1b[0m\x1b[1mproxy_config.yaml:1\x1b[0m: general_settings.qqqqq" in text


def test_an_empty_report_is_an_empty_text(report: Callable[..., Report]) -> None:
    assert report("model_list: []\n").format() == ""


@pytest.mark.parametrize("what", ["gone.yaml", "."])
def test_an_unreadable_file_is_named(tmp_path: Path, what: str) -> None:
    with pytest.raises(ConfigError, match="cannot read the config"):
        load(tmp_path / what, {})


def test_a_file_that_is_too_large_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="larger than 10 MB"):
        load(write("a: " + "x" * (10 * 1024 * 1024)), {})


def test_names_from_the_file_cannot_write_to_the_terminal(report: Callable[..., Report]) -> None:
    text = report('general_settings: {"a\\n\\e[31mb": 1}\n').format()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1
