"""`tianji explain`, without a server."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tianji_core.cli.explain import explain

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-4o, api_key: sk-hidden-0123456789}
    model_info: {id: a}
  - model_name: m
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-hidden-0123456789, order: 2}
    model_info: {id: b}
"""


@pytest.fixture
def run(tmp_path):
    def call(*args, text=CONFIG):
        path = tmp_path / "c.yaml"
        path.write_text(text)
        return CliRunner().invoke(explain, ["--config", str(path), *args])

    return call


def test_the_choice_and_its_reasons(run):
    said = run("--model", "m", "--prompt", "Hi", "--stream")
    assert said.exit_code == 0, said.output
    lines = said.output.splitlines()
    assert any("→ a" in line and "the only one left" in line for line in lines)
    assert any(" b " in line and "higher order" in line for line in lines)
    assert "sk-hidden" not in said.output
    assert json.loads(run("--model", "m", "--json").output)["route"]["picked"] == "a"


def test_nobody_serves_it(run):
    said = run("--model", "no")
    assert said.exit_code == 1
    assert "Invalid model name" in said.output


def test_what_cannot_be_asked(run):
    broken = run("--model", "m", text="model_list: 3\n")
    assert broken.exit_code == 2
    assert "c.yaml:1" in broken.output
    away = CliRunner().invoke(explain, ["--url", "http://127.0.0.1:9", "--model", "m"])
    assert away.exit_code == 2
    assert "127.0.0.1:9" in away.output
    assert CliRunner().invoke(explain, ["--model", "m"]).exit_code == 2
