"""Values from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tianji_core.config import Loaded, Report, load, load_mapping
from tianji_core.config.variables import refused

Loads = Callable[..., Loaded]
ENVIRON = {"KEY": "sk-1", "YES": "True", "NO": "false", "NUMBER": "600", "lower": "low", "EMPTY": ""}


def value(text: object, environ: dict[str, str] = ENVIRON) -> tuple[Any, list[str]]:
    """What a value under model_info (where all is kept) becomes, and the kinds of problem."""
    row = {"model_name": "a", "litellm_params": {"model": "echo/a"}, "model_info": {"x": text}}
    loaded = load_mapping({"model_list": [row]}, environ=environ)
    extra = loaded.config.model_list[0].model_info.model_extra or {}
    return extra.get("x"), [problem.kind for problem in loaded.report]


@pytest.mark.parametrize(
    ("text", "result", "problems"),
    [
        ("os.environ/KEY", "sk-1", []),
        ("os.environ/YES", True, []),
        ("os.environ/NO", False, []),
        ("os.environ/NUMBER", "600", []),
        ("os.environ/EMPTY", "", []),
        ("os.environ/GONE", None, ["missing-env"]),
        ({"a": [{"b": "os.environ/KEY"}]}, {"a": [{"b": "sk-1"}]}, []),
        (["os.environ/KEY", "x"], ["sk-1", "x"], []),
        ("see os.environ/KEY", "see os.environ/KEY", []),
        ("$KEY", "sk-1", []),
        ("${KEY}", "sk-1", []),
        ("$lower", "low", []),
        ("$YES", True, []),
        ("$GONE", "$GONE", ["missing-env"]),
        ("${GONE}", "${GONE}", ["missing-env"]),
        ("$gone", "$gone", []),
        ("pa$KEY", "pa$KEY", []),
        ("$KEY$KEY", "$KEY$KEY", []),
        ("${KEY}/x", "${KEY}/x", []),
        ("$", "$", []),
        ("$5", "$5", []),
        ("oidc/env/KEY", "oidc/env/KEY", []),
        ("true", "true", []),
    ],
)
def test_references(text: object, result: object, problems: list[str]) -> None:
    assert value(text) == (result, problems)


def test_typed_keys_take_text_from_variables(loads: Loads) -> None:
    loaded = loads(
        "router_settings: {timeout: os.environ/NUMBER, num_retries: os.environ/GONE}\n"
        "litellm_settings: {drop_params: os.environ/YES, callbacks: [os.environ/GONE, os.environ/lower]}\n",
        ENVIRON,
    )
    assert loaded.config.router_settings.timeout == 600
    assert loaded.config.router_settings.num_retries == 2
    assert loaded.config.litellm_settings.drop_params
    assert loaded.config.litellm_settings.callbacks == ["low"]
    assert [problem.key_path for problem in loaded.report] == [
        "router_settings.num_retries",
        "litellm_settings.callbacks[0]",
    ]


def test_wrong_values_from_variables_are_named_not_shown(report: Callable[..., Report]) -> None:
    text = report("router_settings: {num_retries: os.environ/KEY}\n", ENVIRON).format()
    assert text.endswith('expected an integer, got the value of the environment variable "KEY"')


def test_what_is_honoured_is_judged_by_the_value_not_its_reference(loads: Loads) -> None:
    assert not loads("litellm_settings: {log_raw_request_response: os.environ/NO}\n", ENVIRON).report
    assert loads("litellm_settings: {log_raw_request_response: os.environ/YES}\n", ENVIRON).report.warnings


def test_variables_of_the_config(loads: Loads) -> None:
    loaded = loads(
        """
        environment_variables:
          A: one
          B: os.environ/KEY
          C: 3
          D: true
          E: os.environ/GONE
          KEY: replaced
          F: os.environ/KEY
        general_settings: {master_key: os.environ/F}
        """,
        ENVIRON,
    )
    assert loaded.exports == {"A": "one", "B": "sk-1", "C": "3", "D": "True", "KEY": "replaced", "F": "replaced"}
    assert loaded.environ["KEY"] == "replaced"
    assert loaded.environ["NUMBER"] == "600"
    assert loaded.config.general_settings.master_key == "replaced"
    assert loaded.config.environment_variables == loaded.exports
    assert [problem.key_path for problem in loaded.report] == ["environment_variables.E"]
    assert "A" not in os.environ


@pytest.mark.parametrize(
    "name",
    ["PATH", "path", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP",
     "PYTHONHOME", "PYTHONWARNINGS", "BASH_ENV", "NODE_OPTIONS", "GCONV_PATH", "IFS"],
)  # fmt: skip
def test_variables_that_choose_code_are_refused(loads: Loads, name: str) -> None:
    loaded = loads(f"environment_variables: {{{name}: /x, OK: y}}\n")
    (problem,) = loaded.report
    assert (problem.severity, problem.kind) == ("error", "refused-variable")
    assert problem.key_path == f"environment_variables.{name}"
    assert loaded.exports == {"OK": "y"}


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "HTTPS_PROXY", "SSL_CERT_FILE", "MY_PATH", "ENV", "PYTHONUNBUFFERED"]
)
def test_ordinary_variables_are_not(name: str) -> None:
    assert not refused(name)


def test_dotenv_beside_the_config(write: Callable[..., Any]) -> None:
    path = write("general_settings: {master_key: os.environ/M}\n")
    (path.parent / ".env").write_text('M=from-file\nN="${M}"\nKEY=file\nBARE\n')
    loaded = load(path, {"KEY": "real"})
    assert loaded.config.general_settings.master_key == "from-file"
    assert loaded.environ == {"M": "from-file", "N": "${M}", "KEY": "real"}
    assert loaded.exports == {}
    assert not loaded.report


def test_the_process_environment_is_the_default(write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIANJI_TEST_VALUE", "x1")
    path = write("general_settings: {master_key: os.environ/TIANJI_TEST_VALUE}\n")
    assert load(path).config.general_settings.master_key == "x1"
    assert (
        load_mapping({"general_settings": {"master_key": "$TIANJI_TEST_VALUE"}}).config.general_settings.master_key
        == "x1"
    )
