# ruff: noqa: E501
"""Whatever the text, loading gives a config or a ConfigError; nothing else is ever raised."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.config import ConfigError, Loaded, Report, load, load_mapping
from tianji_core.config.schema import (
    GeneralSettings,
    GuardrailParams,
    LitellmParams,
    LitellmSettings,
    RouterSettings,
    keys_of,
)

TOKENS = [
    "model_list:", "- ", "  ", "\n", "\n  ", "\n- ", "litellm_params: ", "tianji_params: ", "model_name: a", "{", "}", "[", "]",
    ": ", ", ", "&a ", "*a", "<<: *a", "!!int ", "!x ", "|\n", ">-\n", "'", '"', "#", "\t", "? ", "---", "...", "%YAML 1.1\n",
    "os.environ/X", "$X", "${Y}", "~", "true", "1e3", "0x1", "2024-01-01", "1:30", ".inf", "-", "include: ", "\\u0000", "\ufeff",
    "router_settings:", "num_retries: ", "environment_variables: ", "general_settings:", "é", "\x00", "\x85", "\u2028", "=",
]  # fmt: skip
NAMES = sorted(
    {
        name
        for model in (GeneralSettings, GuardrailParams, LitellmParams, LitellmSettings, RouterSettings)
        for name in keys_of(model)
    }
)
KEYS = st.sampled_from([*NAMES, "model_list", "litellm_params", "model_info", "guardrails", "environment_variables",
                        "router_settings", "litellm_settings", "general_settings", "callback_settings", "credential_list",
                        "plugins", "tianji_params", "guardrail_name", "model_name", "odd"])  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["os.environ/X", "$X", "true", "pre_call", "1e5", "http://u:p@h"]),
)  # fmt: skip
DATA: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)


def outcome(load_it: Callable[[], Loaded]) -> Report:
    """The report of a config that loads, or that cannot."""
    try:
        loaded = load_it()
    except ConfigError as error:
        return error.report
    assert repr(loaded)
    assert loaded.config.model_dump_json()
    assert not loaded.report.fatal
    return loaded.report


def attempt(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_bytes(raw)
        report = outcome(lambda: load(path, {"X": "1"}))
    assert all(problem.message and problem.where for problem in report)
    assert len(report.format().splitlines()) == len(report) + (len(report) > 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_text_like_yaml(text: str) -> None:
    attempt(text.encode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes(raw: bytes) -> None:
    attempt(raw)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, DATA, min_size=1, max_size=5))
def test_any_data_as_yaml_and_as_a_mapping_alike(data: dict[str, Any]) -> None:
    attempt(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))
    outcome(lambda: load_mapping(data, environ={}))
