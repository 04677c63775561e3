"""`tianji plugins new`: packages that are sound as they are written, and names that are refused."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from tianji_core import __version__
from tianji_core.discovery import PluginError
from tianji_core.discovery.checkup import examine
from tianji_core.discovery.kinds import BY_SHORT
from tianji_core.discovery.project import registry_of
from tianji_core.discovery.scaffold import CORE_RANGE, create, objection


@pytest.fixture
def clean_imports(monkeypatch):
    """Sources put on `sys.path` and modules imported from there go again."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("kind", BY_SHORT)
@pytest.mark.parametrize(
    "name", ["acme", "acme-cloud_2", "callback", "guardrail", "path", "json", "true", "import", "provider-settings"]
)
def test_a_new_package_loads_and_has_nothing_wrong_with_it(tmp_path, clean_imports, kind, name):
    folder = create(kind, name, tmp_path)
    assert folder == tmp_path / f"tianji-{kind}-{name.replace('_', '-')}"
    registry = registry_of(folder)
    (found,) = registry.installed()
    assert (found.kind, found.name) == (BY_SHORT[kind].name, name)
    assert examine(registry, found) == []


@pytest.mark.parametrize("kind", BY_SHORT)
def test_the_files_of_a_package(tmp_path, kind):
    folder = create(kind, "acme", tmp_path)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "pyproject.toml",
        "README.md",
        f"src/tianji_{kind}_acme/__init__.py",
        f"src/tianji_{kind}_acme/py.typed",
        "tests/test_conformance.py",
        "tests/samples/README.md",
    }
    for path in files:
        assert "$" not in (folder / path).read_text(), f"{path} has an unfilled place"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [CORE_RANGE]
    assert project["entry-points"] == {BY_SHORT[kind].group: {"acme": f"tianji_{kind}_acme"}}


def test_new_packages_ask_for_this_core():
    from packaging.requirements import Requirement

    assert Requirement(CORE_RANGE).specifier.contains(__version__)


@pytest.mark.parametrize("kind", BY_SHORT)
def test_what_is_written_is_well_formed(tmp_path, kind):
    folder = create(kind, "acme", tmp_path)
    for arguments in (["format", "--check"], ["check", "--select", "E,F,W,I,B,UP,SIM"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--line-length", "120", "--no-cache", "."]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "lower-case letters and digits"),
        ("Acme", "lower-case letters and digits"),
        ("acme!", "lower-case letters and digits"),
        ("acme--x", "lower-case letters and digits"),
        ("-acme", "lower-case letters and digits"),
        ("acme-", "lower-case letters and digits"),
        ("2acme", "lower-case letters and digits"),
        ("../acme", "lower-case letters and digits"),
        ("acme\n", "lower-case letters and digits"),
        ("ácme", "lower-case letters and digits"),
        ("a" * 41, "longer than 40 characters"),
        ("tianji-provider-acme", "name just the plugin, the package will be tianji-provider-acme"),
    ],
)
def test_bad_names_write_nothing(tmp_path, name, words):
    with pytest.raises(PluginError) as caught:
        create("provider", name, tmp_path)
    assert words in str(caught.value)
    assert "Good names: acme, " in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "acme", "acme2", "acme-cloud", "acme_cloud", "import", "core", "a" * 40])
def test_good_names(name):
    assert objection(name) is None


def test_nothing_is_overwritten(tmp_path):
    folder = create("provider", "acme", tmp_path)
    (folder / "pyproject.toml").write_text("mine")
    with pytest.raises(PluginError, match="is there already"):
        create("provider", "acme", tmp_path)
    assert (folder / "pyproject.toml").read_text() == "mine"


def test_an_unknown_kind(tmp_path):
    with pytest.raises(PluginError, match='Did you mean "provider"'):
        create("providr", "acme", tmp_path)
    with pytest.raises(PluginError, match="There are: provider, routing, callback, guardrail, auth"):
        create("gizmo", "acme", tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PluginError, match="There is no folder"):
        create("provider", "acme", tmp_path / "none")


def test_descriptions_survive_toml():
    from tianji_core.discovery.scaffold import Project, render_pyproject

    said = 'A "quoted" \\ text, 天机'
    project = Project(BY_SHORT["provider"], ("a", "b"), "tianji-provider-a", said, docs="https://a.example/?x=1&y")
    made = tomllib.loads(render_pyproject(project))["project"]
    assert made["description"] == said
    assert made["urls"] == {"Documentation": "https://a.example/?x=1&y"}
    assert json.loads(json.dumps(made["entry-points"])) == {
        "tianji.providers": {"a": "tianji_provider_a", "b": "tianji_provider_a"}
    }


def test_extras():
    from tianji_core.discovery.scaffold import Project, render_pyproject

    extras = {"identity": ("azure-identity>=1.19",), "all": ("a", "b>=2")}
    made = tomllib.loads(
        render_pyproject(Project(BY_SHORT["provider"], ("a",), "tianji-provider-a", "A", extras=extras))
    )
    found = made["project"]["optional-dependencies"]
    assert {name: tuple(lines) for name, lines in found.items()} == {**extras, "test": ("tianji-core[testing]",)}


def test_a_project_has_the_metadata_it_would_be_installed_with(tmp_path, clean_imports):
    registry = registry_of(create("provider", "acme", tmp_path))
    (found,) = registry.installed()
    assert (found.distribution, found.version) == ("tianji-provider-acme", "0.1.0")
    assert found.summary == "Tianji provider: acme."
    assert [str(each) for each in found.core_requirements()] == ["tianji-core<0.2,>=0.1"]
    assert isinstance(found.entry_point, metadata.EntryPoint)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory."),
        ("[project", "is not TOML: "),
        ("[tool]", "has no [project] with a name."),
        ('project = "x"', "has no [project] with a name."),
        ('[project]\nname = "x"\n[project.entry-points."other"]\na = "b"', "has no plugin: it lacks entry points"),
    ],
)
def test_folders_that_are_no_plugin_project(tmp_path, clean_imports, content, words):
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(PluginError) as caught:
        registry_of(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", BY_SHORT)
def test_a_new_package_passes_its_own_tests(tmp_path, kind):
    folder = create(kind, "acme", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=src"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
