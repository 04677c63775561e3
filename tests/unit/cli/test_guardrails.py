"""`tianji guardrails test`, on a config and a file of cases."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tianji_core.cli.guardrails import guardrails

CONFIG = """
model_list: []
guardrails:
  - guardrail_name: words
    litellm_params: {guardrail: guard.Words, mode: [pre_call, post_call]}
"""
SOURCE = """
from tianji_core.api.guardrail import ALLOW, Block, Guardrail

class Words(Guardrail):
    stages = frozenset({"pre_call", "post_call"})

    def __init__(self, settings):
        pass

    async def check(self, stage, payload):
        places = payload.places()
        if any("bad" in place.text for place in places):
            return Block("No bad words.")
        return payload.rewritten(places, [place.text.replace("Ann", stage) for place in places])
"""


@pytest.fixture
def run(tmp_path):
    def call(cases, config=CONFIG):
        (tmp_path / "guard.py").write_text(SOURCE)
        (tmp_path / "c.yaml").write_text(config)
        (tmp_path / "cases.yaml").write_text(cases)
        arguments = ["test", str(tmp_path / "cases.yaml"), "--config", str(tmp_path / "c.yaml")]
        return CliRunner().invoke(guardrails, arguments)

    return call


def test_all_as_expected(run):
    said = run(
        """
cases:
  - {guardrail: words, text: fine}
  - {guardrail: words, text: bad, expect: block}
  - {guardrail: words, text: I am Ann, expect: rewrite, output: I am pre_call}
  - {guardrail: words, text: I am Ann, expect: rewrite, output: I am post_call, input_type: response}
"""
    )
    assert said.exit_code == 0, said.output
    assert "4 of 4 as expected" in said.output


def test_what_comes_out_otherwise_is_told(run):
    said = run(
        "[{guardrail: words, text: bad, name: greeting}, {guardrail: nobody, text: x}, {guardrail: words, text: x}]"
    )
    assert said.exit_code == 1
    assert "FAIL greeting: block, expected allow; it says: No bad words." in said.output
    assert "There is no guardrail 'nobody'" in said.output
    assert "1 of 3 as expected" in said.output


@pytest.mark.parametrize(
    "cases",
    [
        "5",
        "[]",
        "[{text: x}]",
        "[{guardrail: words, text: x, expect: maybe}]",
        "[{guardrail: g, text: x, more: 1}]",
        "a: [",
    ],
)
def test_files_that_cannot_be_tried(run, cases):
    assert run(cases).exit_code == 2


def test_a_config_that_cannot_be_used(run):
    assert run("[{guardrail: words, text: x}]", config="model_list: 5").exit_code == 2
