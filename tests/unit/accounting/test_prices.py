"""Price tables, and whose prices hold for a deployment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tianji_core.accounting.prices import Place, PriceTable, PriceTableError, Pricing, Tables, embedded_table
from tianji_core.accounting.prices.names import names_of
from tianji_core.accounting.prices.sources import problems
from tianji_core.accounting.prices.table import write_table

SOURCE = [{"name": "test", "version": "1", "date": "2026-01-01", "license": "none"}]
ROOT = Path(__file__).parents[3]


def test_every_model_is_found_by_its_name() -> None:
    table = embedded_table()
    names = [name for name, _ in table]
    assert len(names) == len(set(names)) > 4_000
    assert all(table.get(name) == price for name, price in table)
    for name in (
        "",
        "a",
        "gpt-4o ",
        "gpt-4",
        "zzz",
        '"',
        "\\",
        "[",
        "gpt-4o\n",
        "日本",
        names[0][:-1],
        names[-1] + "x",
    ):
        assert (table.get(name) is not None) == (name in names)
    assert table.get("gpt-4o\ud800") is None


def test_the_table_says_where_it_comes_from() -> None:
    assert list(problems(embedded_table())) == []
    litellm = embedded_table().sources[0]
    assert (litellm["name"], litellm["license"]) == ("litellm", "MIT, Copyright (c) 2023 Berri AI")
    notice = (ROOT / "tianji_core/accounting/prices/LICENSE.txt").read_text()
    assert all(source["license"].partition(", ")[2] in notice for source in embedded_table().sources)


def test_a_table_is_written_whole_and_read_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_table(path, SOURCE, {"b": {"mode": "chat"}, "a-b": {}, "a": {"input_cost_per_token": 1e-6}, "é": {}})
    table = PriceTable(path)
    assert [name for name, _ in table] == ["a", "a-b", "b", "é"]
    write_table(path, SOURCE, {"a": {"input_cost_per_token": 2e-6}})
    assert table.get("a") == {"input_cost_per_token": 1e-6}
    assert PriceTable(path).get("a") == {"input_cost_per_token": 2e-6}
    assert [each.name for each in tmp_path.iterdir()] == ["t.jsonl"]
    with pytest.raises(OSError, match="No such file"):
        write_table(tmp_path / "none" / "t", SOURCE, {})


@pytest.mark.parametrize("content", [b"", b"\n", b"x\n", b"{}\n", b'{"sources":1}\n'])
def test_files_that_are_no_tables(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(PriceTableError):
        PriceTable(path)


@pytest.mark.parametrize(
    ("provider", "model", "name"),
    [
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::abc", "ft:gpt-4o-2024-08-06"),
        ("text-completion-openai", "gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct"),
        ("azure", "gpt-4o", "azure/gpt-4o"),
        ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("bedrock", "converse/us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        ("vertex_ai", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai", "claude-haiku-4-5@20251001", "vertex_ai/claude-haiku-4-5@20251001"),
        ("gemini", "gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("cohere_chat", "command-r-plus-08-2024", "command-r-plus-08-2024"),
        ("mistral", "mistral-large-latest", "mistral/mistral-large-latest"),
        ("openrouter", "anthropic/claude-opus-4.6-fast", "openrouter/anthropic/claude-opus-4.6-fast"),
        ("jina_ai", "jina-reranker-m0", "jina-reranker-m0"),
        ("groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
    ],
)
def test_models_under_the_names_of_tables(provider: str, model: str, name: str) -> None:
    rates = Pricing(embedded_table(), provider).rates(model)
    assert rates is not None
    assert dict(rates.price) == embedded_table().get(name)


def test_a_model_of_the_same_name_at_another_vendor_is_another_one() -> None:
    for provider in ("groq", "hosted_vllm", "ollama", "openai_compatible", "anthropic", "bedrock"):
        assert Pricing(embedded_table(), provider).rates("gpt-4o") is None
    assert "bedrock/eu-west-1/m" in names_of("bedrock", "m", "eu-west-1")


def test_regions() -> None:
    price = embedded_table().get("gpt-5.4")
    assert price is not None
    plain = Pricing(embedded_table(), "openai").rates("gpt-5.4")
    abroad = Pricing(embedded_table(), "openai", place=Place(residency="eu")).rates("gpt-5.4")
    public = Pricing(embedded_table(), "openai", place=Place(residency="fedramp")).rates("gpt-5.4")
    assert plain is not None and abroad is not None and public is not None  # noqa: PT018
    assert abroad.ladder("").base.input * 10 == public.ladder("").base.input * 10 == plain.ladder("").base.input * 11
    at_google = Pricing(embedded_table(), "vertex_ai", place=Place(regional=True)).rates("gemini-3.5-flash")
    anywhere = Pricing(embedded_table(), "vertex_ai").rates("gemini-3.5-flash")
    assert at_google is not None and anywhere is not None  # noqa: PT018
    assert at_google.ladder("").base.output * 10 == anywhere.ladder("").base.output * 11


def test_what_a_row_says_goes_over_the_table() -> None:
    table = embedded_table()
    both = Pricing(table, "openai", own="gpt-4o", custom={"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6})
    rates = both.rates("gpt-4o")
    assert rates is not None
    assert rates.source == "config"
    assert rates.ladder("").base.cache_read == rates.ladder("").base.input == 10**12, "the table's cache is not its own"
    half = Pricing(table, "openai", own="gpt-4o", custom={"input_cost_per_token": 1e-6}).rates("gpt-4o")
    assert half is not None
    assert half.ladder("").base.output == 10**13, "half of a price is no price"
    more = Pricing(table, "openai", own="gpt-4o", custom={"cache_read_input_token_cost": 0}).rates("gpt-4o")
    assert more is not None
    assert (more.ladder("").base.input, more.ladder("").base.cache_read) == (25 * 10**11, 0)
    other = both.rates("gpt-4o-mini")
    assert other is not None
    assert other.source == "table", "the row is about one model"


def test_plugins_that_fail_or_talk_nonsense_change_nothing() -> None:
    def failing(model: str, provider: str) -> None:
        raise RuntimeError("no")

    for plugin in (failing, lambda m, p: {"input_cost_per_token": -1}, lambda m, p: 7, lambda m, p: {}):
        rates = Pricing(embedded_table(), "openai", plugins=plugin).rates("gpt-4o")
        assert rates is not None
        assert rates.source == "table"


def test_tables_over_one_another(tmp_path: Path) -> None:
    write_table(tmp_path / "t", SOURCE, {"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-6}})
    tables = Tables(PriceTable(tmp_path / "t"), embedded_table())
    rates = Pricing(tables, "openai").rates("gpt-4o")
    assert rates is not None
    assert rates.ladder("").base.input == 10**12
    assert Pricing(tables, "openai").rates("gpt-4o-mini") is not None


def test_the_script_checks_the_table_without_a_network() -> None:
    command = [sys.executable, str(ROOT / "scripts/prices.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
