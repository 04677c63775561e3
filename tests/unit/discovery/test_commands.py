"""`tianji plugins list | show | check | new`, as typed."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from tianji_core.cli.plugins import plugins

ACME = """
from pydantic import Field
from tianji_core.api.provider import ProviderSettings
from tianji_core.hookspecs import hookimpl
from tianji_core.openai_compat import OpenAICompatible

class Settings(ProviderSettings):
    size: int = Field(description="How big")
    token: str = Field("hidden-default", repr=False)

class Acme(OpenAICompatible):
    '''The vendor Acme.'''

    name = "acme"
    default_base = "https://acme.example/v1"
    api_key_env = ("ACME_API_KEY", "ACME_TOKEN")

@hookimpl
def tianji_register_providers(register):
    register("acme", Acme, Settings)
"""


def run(*arguments):
    done = CliRunner().invoke(plugins, [str(each) for each in arguments], catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture
def acme(site):
    """Acme installed: these commands read what is really there, this site included."""
    site.install("tianji-provider-acme", ACME)
    return site


def test_list(acme):
    status, said = run("list")
    assert status == 0
    assert "Providers\n" in said
    (line,) = [line for line in said.splitlines() if line.startswith("  acme ")]
    assert line.split(maxsplit=3) == ["acme", "tianji-provider-acme", "1.2.3", "The tianji-provider-acme package"]
    assert "simple-shuffle" in said
    assert "tianji_provider_acme" not in sys.modules


def test_list_as_json(acme):
    status, said = run("list", "--json")
    assert status == 0
    assert {
        "kind": "provider",
        "name": "acme",
        "package": "tianji-provider-acme",
        "version": "1.2.3",
        "summary": "The tianji-provider-acme package",
    } in json.loads(said)


def test_show(acme):
    status, said = run("show", "acme")
    assert status == 0
    assert said.startswith("acme · provider · tianji-provider-acme 1.2.3\n")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "The vendor Acme." in lines
    assert "size int required How big" in lines
    assert "api_key str | None default: none The vendor's key" in lines
    assert "api_key ACME_API_KEY, ACME_TOKEN" in lines
    assert any(line.startswith("Operations chat, embeddings") for line in lines)
    assert "hidden-default" not in said
    assert "environ" not in said.replace("environment", "")


def test_show_as_json(acme):
    status, said = run("show", "provider:acme", "--json")
    assert status == 0
    (one,) = json.loads(said)
    assert one["environment"] == [{"field": "api_key", "variables": ["ACME_API_KEY", "ACME_TOKEN"]}]
    assert {"name": "size", "type": "int", "required": True, "default": "", "description": "How big"} in one["settings"]


def test_show_what_is_built_in(site):
    status, said = run("show", "openai_compatible")
    assert status == 0
    assert said.startswith("openai_compatible · provider · tianji-core ")


def test_show_what_is_not_there(acme):
    status, said = run("show", "acmee")
    assert (status, said) == (
        2,
        'No plugin "acmee" is installed.\n  Did you mean "acme"?\n  `tianji plugins list` shows what is.\n',
    )


def test_check_one(acme):
    assert run("check", "acme") == (0, "provider acme (tianji-provider-acme 1.2.3): ok\n")


def test_check_one_that_is_broken(site):
    site.install("tianji-provider-acme", "1 / 0")
    status, said = run("check", "acme")
    assert status == 1
    assert "provider acme (tianji-provider-acme 1.2.3): not ok\n  tianji plugins check wants provider" in said
    assert "Traceback" not in said


def test_check_everything(acme):
    acme.install("tianji-provider-odd", "", points={"tianji.provider": ["odd = tianji_provider_odd"]})
    status, said = run("check")
    assert status == 1
    assert "provider acme (tianji-provider-acme 1.2.3): ok\n" in said
    assert 'odd: the entry-point group "tianji.provider" does not exist\n' in said


def test_new_and_check_it_by_its_path(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    status, said = run("new", "provider", "fresh", "--directory", tmp_path)
    folder = tmp_path / "tianji-provider-fresh"
    assert status == 0
    assert said.startswith(f"Made {folder}: a provider that works as it is.\n")
    assert f"{folder}/src/tianji_provider_fresh/__init__.py" in said
    assert run("check", folder) == (0, "provider fresh (tianji-provider-fresh 0.1.0): ok\n")
    del sys.modules["tianji_provider_fresh"]


def test_new_refuses(tmp_path):
    status, said = run("new", "provider", "Bad Name", "--directory", tmp_path)
    assert status == 2
    assert said.startswith('A plugin cannot be called "Bad Name": ')


def test_the_traceback_is_shown_on_demand_only(tmp_path):
    plain = run("check", tmp_path)
    assert plain[0] == 2
    assert "Traceback" not in plain[1]
    status, said = run("--debug", "check", tmp_path)
    assert status == 2
    assert "Traceback" in said
    assert "FileNotFoundError" in said
