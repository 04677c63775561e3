"""`tianji db`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tianji_core.cli import group
from tianji_core.store.migrations import HEAD


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(group, ["db", *arguments])

    return run


def test_from_no_tables_to_the_right_ones(db, tmp_path):
    url = f"sqlite:///{tmp_path}/t.db"
    config = tmp_path / "c.yaml"
    config.write_text(f"general_settings:\n  database_url: {url}\n")
    assert "no tables" in db("current", "--config", str(config)).output
    assert not (tmp_path / "t.db").exists()
    assert db("check", "--database-url", url).exit_code == 1
    upgraded = db("upgrade", "--config", str(config))
    assert upgraded.exit_code == 0, upgraded.output
    assert f"is at {HEAD}" in upgraded.output
    assert f"{HEAD} (this version" in db("current", "--database-url", url).output
    assert db("check", "--config", str(config)).exit_code == 0
    assert db("upgrade", "--config", str(config)).exit_code == 0


def test_the_default_is_a_file_here(db, tmp_path):
    assert db("upgrade").exit_code == 0
    assert (tmp_path / "tianji.db").exists()


@pytest.mark.parametrize(
    "url", ["mysql://u:hush@h/n", "postgresql://u:hush@127.0.0.1:1/n", "sqlite:////no/such/folder/t.db"]
)
def test_failures_are_one_line_without_secrets(db, url):
    answer = db("upgrade", "--database-url", url)
    assert answer.exit_code == 1
    assert len(answer.output.strip().splitlines()) == 1
    assert answer.output.startswith("Error: ")
    assert "hush" not in answer.output
