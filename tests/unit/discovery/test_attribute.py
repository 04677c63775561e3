"""`file.instance` beside the config, as people have it for their callbacks and auth functions."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tianji_core.discovery import PluginError, is_dotted, load_attribute


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder with a config; whatever is imported from there is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    config = tmp_path / "proxy_config.yaml"
    config.write_text("")
    yield config
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(config, path, source):
    file = config.parent / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(source))


def refusal(name, beside=None):
    with pytest.raises(PluginError) as caught:
        load_attribute(name, beside, wanted_by="c.yaml:3: callbacks[0]")
    return str(caught.value)


def test_a_file_beside_the_config(beside):
    write(beside, "custom_callbacks.py", "handler = object()")
    handler = load_attribute("custom_callbacks.handler", beside)
    assert load_attribute("custom_callbacks.handler", beside.parent) is handler
    assert "custom_callbacks" not in sys.modules


def test_packages_with_relative_and_plain_imports(beside):
    write(beside, "helpers.py", "NAME = 'plain'")
    write(beside, "hooks/__init__.py", "top = 'top'")
    write(beside, "hooks/words.py", "WORD = 'relative'")
    write(beside, "hooks/deep.py", "from .words import WORD\nimport helpers\nboth = WORD + ' and ' + helpers.NAME")
    assert load_attribute("hooks.deep.both", beside) == "relative and plain"
    assert load_attribute("hooks.top", beside) == "top"


def test_a_folder_without_init(beside):
    write(beside, "hooks/deep.py", "x = 1")
    assert load_attribute("hooks.deep.x", beside) == 1


def test_a_file_never_stands_in_for_a_module_of_python(beside):
    import logging

    write(beside, "logging.py", "handler = 'mine'")
    assert load_attribute("logging.handler", beside) == "mine"
    assert sys.modules["logging"] is logging
    assert load_attribute("json.dumps", beside)({}) == "{}"


def test_two_configs_have_their_own_files(beside, tmp_path):
    write(beside, "mine.py", "x = 'a'")
    write(beside, "other/mine.py", "x = 'b'")
    other = tmp_path / "other"
    assert (load_attribute("mine.x", beside), load_attribute("mine.x", other)) == ("a", "b")


def test_an_installed_module_without_a_config():
    assert load_attribute("os.path.join")("a", "b") == "a/b"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "a.",
        ".a",
        "a..b",
        "a.b()",
        "a/b.c",
        "../x.y",
        "a.b c",
        "a.class",
        "__import__('os').x",
        "a-b.c",
        "a.b\n",
    ],
)
def test_nothing_runs_for_what_is_no_dotted_name(name, beside):
    write(beside, "a.py", "raise SystemExit(9)")
    assert not is_dotted(name)
    assert "which does not name an object." in refusal(name, beside)
    assert "It has to be module.attr" in refusal(name, beside)


def test_neither_a_file_nor_a_module(beside):
    write(beside, "custom_callbacks.py", "")
    said = refusal("custom_calbacks.handler", beside)
    place = beside.parent / "custom_calbacks.py"
    assert said == (
        f'c.yaml:3: callbacks[0] wants "custom_calbacks.handler", but there is neither {place} nor an installed module '
        '"custom_calbacks".\n  Did you mean "custom_callbacks"?'
    )
    assert 'but there is no installed module "no.such".' in refusal("no.such.thing")


def test_the_file_has_no_such_name(beside):
    write(beside, "custom_callbacks.py", "proxy_handler_instance = 1")
    said = refusal("custom_callbacks.proxy_handler_instanc", beside)
    assert f'but {beside.parent / "custom_callbacks.py"} has no "proxy_handler_instanc".' in said
    assert said.endswith('\n  Did you mean "proxy_handler_instance"?')


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import zebra_stripes", "ModuleNotFoundError: No module named 'zebra_stripes'"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero ("),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError: "),
    ],
)
def test_a_file_that_fails(beside, source, cause):
    write(beside, "broken.py", source)
    said = refusal("broken.x", beside)
    assert f"but {beside.parent / 'broken.py'} cannot be imported: {cause}" in said
    with pytest.raises(PluginError) as caught:
        load_attribute("broken.x", beside)
    assert caught.value.__cause__ is not None


def test_an_installed_module_that_fails(tmp_path, monkeypatch):
    (tmp_path / "broken_here.py").write_text("1 / 0")
    (tmp_path / "needy_here.py").write_text("import zebra_stripes")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "broken_here cannot be imported: ZeroDivisionError" in refusal("broken_here.x")
    assert "needy_here cannot be imported: ModuleNotFoundError: No module named 'zebra_stripes'" in refusal(
        "needy_here.x"
    )
