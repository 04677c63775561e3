"""`tianji prices`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tianji_core.accounting.prices import PriceTable
from tianji_core.cli import group
from tianji_core.testing import Answer

MAP = {
    "sample_spec": {"input_cost_per_token": 0},
    **{f"acme/{n}": {"litellm_provider": "acme", "input_cost_per_token": n * 1e-7, "source": "x"} for n in range(60)},
    "broken": {"input_cost_per_token": -1},
    "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5},
    "alias": {"alias_of": "gpt-4o"},
}


@pytest.fixture
def prices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    (tmp_path / "config.yaml").write_text("general_settings:\n  price_table: own.jsonl\n")

    def run(*arguments):
        return CliRunner().invoke(group, ["prices", *arguments])

    return run


def test_show(prices):
    told = prices("show")
    assert "built in: " in told.output
    assert "litellm, version" in told.output
    found = prices("show", "openai/gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5@20250929")
    assert "input_cost_per_token: 0.0000025" in found.output
    found = prices("show", "claude-haiku-4-5", "--provider", "anthropic")
    assert found.output.startswith("claude-haiku-4-5:\n")
    missing = prices("show", "openai/none-such")
    assert (missing.exit_code, "openai/none-such: no price is known" in missing.output) == (1, True)


def test_update_and_what_the_gateway_then_knows(prices, tmp_path):
    done = prices("update", "map.json", "--config", "config.yaml")
    assert done.exit_code == 0, done.output
    assert "left out: broken: input_cost_per_token is no price: -1" in done.output
    assert done.output.rstrip().endswith("own.jsonl: 62 models")
    table = PriceTable(tmp_path / "own.jsonl")
    assert table.get("alias") == table.get("gpt-4o") == MAP["gpt-4o"]
    assert table.get("acme/7") == {"litellm_provider": "acme", "input_cost_per_token": 7 * 1e-7}
    assert table.get("sample_spec") is None
    assert table.sources[0]["name"] == "map.json"
    shown = prices("show", "gpt-4o", "gpt-4o-mini", "--config", "config.yaml").output
    assert "input_cost_per_token: 0.000002\n" in shown, "the own table goes first"
    assert "input_cost_per_token: 0.00000015\n" in shown, "the other stays below"


def test_diff(prices):
    told = prices("diff", "map.json").output
    assert "+ acme/1\n" in told
    assert "~ gpt-4o input_cost_per_token: 0.0000025 → 0.000002\n" not in told, "beyond the first fifty"
    assert "~ gpt-4o input_cost_per_token: 0.0000025 → 0.000002\n" in prices("diff", "map.json", "--all").output
    prices("update", "map.json", "--config", "config.yaml")
    assert prices("diff", "map.json", "--config", "config.yaml").output == "no differences\n"
    assert prices("diff", "own.jsonl", "--config", "config.yaml").output == "no differences\n"


def test_update_from_an_address(prices, fake_upstream, monkeypatch, tmp_path):
    fake_upstream.answer(Answer.json(MAP), Answer.error(404), Answer.text("<html>", content_type="text/html"))
    monkeypatch.setenv("TIANJI_PRICE_TABLE", "table.jsonl")
    url = f"{fake_upstream.url}/prices.json?token=secret"
    done = prices("update", url)
    assert done.exit_code == 0, done.output
    written = (tmp_path / "table.jsonl").read_text()
    assert "secret" not in written
    for wrong in ("status 404", "no JSON"):
        failed = prices("update", url)
        assert failed.exit_code == 1
        assert wrong in failed.output
    assert (tmp_path / "table.jsonl").read_text() == written


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"[]", "no map of models"),
        (b'{"a": {"input_cost_per_token": 1}}', "a price map has 50 at the least"),
        (b"PK\x05\x06" + b"\0" * 18, "holds no litellm/model_prices"),
        (b'{"sources":[]}\n["a",7]\n', "no model with its prices"),
        (b'{"sources":[]}\n["b",{}]\n["a",{}]\n', "is not found by its name"),
        (b"", "no JSON"),
    ],
)
def test_sources_that_are_none(prices, tmp_path, content, wrong):
    (tmp_path / "source").write_bytes(content)
    failed = prices("update", "source", "--output", "table.jsonl")
    assert failed.exit_code == 1
    assert wrong in failed.output
    assert not (tmp_path / "table.jsonl").exists()


def test_nowhere_to_write(prices):
    assert "Where to?" in prices("update", "map.json").output
    assert "is not installed" in prices("update", "litellm", "--output", "x").output
    assert "No such file" in prices("update", "none.json", "--output", "x").output
