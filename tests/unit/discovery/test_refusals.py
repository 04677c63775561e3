"""Every way a plugin can be refused, each with the text that a person reads."""

from __future__ import annotations

import asyncio
import sys
import textwrap

import pytest

from tianji_core import __version__
from tianji_core.discovery import PluginError, missing

WHO = "proxy_config.yaml:14: model_list[2]"


def refusal(registry, kind="provider", name="acme"):
    """The text of the error that loading ends with; nothing of the plugin may be left behind."""
    before = registry.pm.get_plugins(), registry.registered()
    with pytest.raises(PluginError) as caught:
        registry.load(kind, name, wanted_by=WHO)
    assert caught.value.exit_status == 2
    assert (registry.pm.get_plugins(), registry.registered()) == before
    return str(caught.value)


def text(block):
    return textwrap.dedent(block).strip()


def module(body):
    """The source of a plugin module whose hook has that body."""
    head = "from tianji_core.hookspecs import hookimpl\n\n@hookimpl\ndef tianji_register_providers(register):\n"
    return head + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """An index of known plugins that does not change with what the repository holds."""
    index = {
        "provider": {"groq": "tianji-provider-groq", "anthropic": "tianji-provider-anthropic"},
        "callback": {"generic_api": "tianji-callback-webhook"},
    }
    monkeypatch.setattr(missing, "KNOWN", index)


def test_not_installed_but_known(site):
    site.install("tianji-provider-acme")
    site.install("tianji-provider-yak", points={"tianji.providers": ["yak = tianji_provider_yak"]})
    assert refusal(site.scan(), name="groq") == text("""
        proxy_config.yaml:14: model_list[2] wants provider "groq", which is not installed.
          Install it:  pip install tianji-provider-groq
          Installed providers: acme, yak
    """)
    assert not {"tianji_provider_acme", "tianji_provider_yak"} & set(sys.modules)


def test_not_installed_and_not_known(site):
    assert refusal(site.scan(), name="zebra") == text("""
        proxy_config.yaml:14: model_list[2] wants provider "zebra", which is not installed.
          If there is a package for it, this is probably its name:  pip install tianji-provider-zebra
          A vendor with an OpenAI-shaped API needs no package: model: openai_compatible/… and api_base.
          No provider is installed.
    """)


def test_no_pip_command_is_made_of_what_a_shell_would_run(site):
    assert "pip install" not in refusal(site.scan(), name="x; rm -rf ~")
    assert "pip install" not in refusal(site.scan(), name="--index-url=http://evil")


def test_misspelt_installed(site):
    site.install("tianji-provider-acme")
    assert refusal(site.scan(), name="Acmee") == text("""
        proxy_config.yaml:14: model_list[2] wants provider "Acmee", which is not installed.
          Did you mean "acme"?
          Installed providers: acme
    """)


def test_misspelt_known(site):
    assert refusal(site.scan(), kind="callback", name="generic-api") == text("""
        proxy_config.yaml:14: model_list[2] wants callback "generic-api", which is not installed.
          Did you mean "generic_api"?
          Install generic_api:  pip install tianji-callback-webhook
          No callback is installed.
    """)


def test_without_a_place_the_gateway_itself_wants_it(site):
    with pytest.raises(PluginError, match=r'^The gateway wants routing strategy "x", which is not installed\.'):
        site.scan().load("routing_strategy", "x")


def test_the_name_of_another_kind(site):
    site.install("tianji-provider-acme")
    registry = site.scan()
    assert "tianji-provider-acme 1.2.3 has it as a provider, not as a guardrail." in refusal(registry, "guardrail")
    said = refusal(registry, "guardrail", "groq")
    assert "tianji-provider-groq has it as a provider, not as a guardrail." in said


def test_a_group_that_does_not_exist(site):
    site.install("tianji-provider-acme", points={"tianji.provider": ["acme = tianji_provider_acme"]})
    said = refusal(site.scan())
    assert 'tianji-provider-acme has it in the entry-point group "tianji.provider", which does not exist;' in said
    assert "there are tianji.providers," in said


def test_import_failure(site):
    site.install("tianji-provider-acme", "import json\n\njson.loads('{')\n")
    said = refusal(site.scan())
    assert said.startswith(
        'proxy_config.yaml:14: model_list[2] wants provider "acme", but tianji-provider-acme 1.2.3 cannot be imported: '
        "JSONDecodeError: Expecting property name enclosed in double quotes"
    )
    assert said.endswith("\n  The whole traceback is shown with --debug.")
    assert said.count("\n") == 1


def test_import_failure_says_where(site):
    site.install("tianji-provider-acme", "x = 1\nraise RuntimeError('no\\nluck')\n")
    registry = site.scan()
    assert "RuntimeError: no luck (site/tianji_provider_acme.py:2)." in refusal(registry)
    with pytest.raises(PluginError) as caught:
        registry.load("provider", "acme")
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("source", ["def (", "raise SystemExit(3)", "import sys; sys.exit('bye')"])
def test_no_module_ends_the_process_or_shows_a_traceback(site, source):
    site.install("tianji-provider-acme", source)
    assert "tianji-provider-acme 1.2.3 cannot be imported: " in refusal(site.scan())


def test_a_module_that_it_needs_is_missing(site):
    site.install("tianji-provider-acme", "import zebra_stripes")
    said = refusal(site.scan())
    assert "ModuleNotFoundError: No module named 'zebra_stripes' (site/tianji_provider_acme.py:1)." in said
    assert (
        "It needs a module that is not installed:  pip install tianji-provider-acme  brings what it asks for." in said
    )


def test_its_own_files_are_missing(site):
    site.install("tianji-provider-acme", None)
    assert "pip install --force-reinstall tianji-provider-acme" in refusal(site.scan())


@pytest.mark.parametrize("needs", ["tianji-core>=99", "Tianji_Core<0.1", "tianji.core==7.*"])
def test_wrong_core_version_is_refused_before_anything_is_imported(site, needs):
    site.install("tianji-provider-acme", "raise SystemExit(9)", requires=("httpx", needs))
    said = refusal(site.scan())
    assert (
        f"but tianji-provider-acme 1.2.3 needs tianji-core{needs[11:]} and this is tianji-core {__version__}." in said
    )
    assert "Get the two in step:  pip install --upgrade tianji-provider-acme tianji-core" in said
    assert "tianji_provider_acme" not in sys.modules


def test_requirements_that_do_not_count(site):
    site.install(
        "tianji-provider-acme", requires=("tianji-core>=99 ; extra == 'x'", "tianji-core>=9; python_version < '3'")
    )
    assert site.scan().load("provider", "acme").name == "acme"


def test_one_name_in_two_packages(site):
    site.install("tianji-provider-acme", "raise SystemExit(9)")
    site.install("acme-for-tianji", "raise SystemExit(9)", points={"tianji.providers": ["acme = acme_for_tianji"]})
    said = refusal(site.scan())
    assert 'wants provider "acme", but two installed packages have it: ' in said
    assert "tianji-provider-acme 1.2.3" in said
    assert "acme-for-tianji 1.2.3" in said
    assert "Remove one:  pip uninstall " in said
    assert not {"tianji_provider_acme", "acme_for_tianji"} & set(sys.modules)


def test_a_package_that_takes_the_name_of_another_while_it_registers(site):
    site.install("tianji-provider-acme")
    body = 'register("zebra", dict)\nregister("acme", dict)'
    lines = ["zebra = tianji_provider_zebra", "acme = tianji_provider_zebra"]
    site.install(
        "tianji-provider-zebra", module(body), points={"tianji.providers": lines[:1], "tianji.callbacks": lines[1:]}
    )
    registry = site.scan()
    registry.load("provider", "acme")
    said = refusal(registry, name="zebra")
    assert 'but both tianji-provider-acme 1.2.3 and tianji-provider-zebra 1.2.3 register provider "acme".' in said


def test_a_misspelt_hook(site):
    source = module('register("acme", dict)').replace("register_providers", "regsiter_providers")
    site.install("tianji-provider-acme", source)
    assert refusal(site.scan()) == text("""
        proxy_config.yaml:14: model_list[2] wants provider "acme", but tianji-provider-acme 1.2.3 cannot be used: \
it implements a hook that does not exist: tianji_regsiter_providers.
          Did you mean tianji_register_providers?
    """)


def test_a_hook_that_is_like_no_other(site):
    site.install("tianji-provider-acme", "from tianji_core.hookspecs import hookimpl\n@hookimpl\ndef zebra(): ...\n")
    said = refusal(site.scan())
    assert "it implements a hook that does not exist: zebra." in said
    assert "There are: tianji_cli, " in said


def test_an_optional_hook_of_a_later_core_is_let_through(site):
    later = "\n@hookimpl(optionalhook=True)\ndef tianji_of_the_future(x): ...\n"
    site.install("tianji-provider-acme", module('register("acme", dict)') + later)
    assert site.scan().load("provider", "acme").name == "acme"


def test_a_hook_with_an_argument_that_does_not_exist(site):
    source = module('register("acme", dict)').replace("(register)", "(register, zebra)")
    site.install("tianji-provider-acme", source)
    said = refusal(site.scan())
    assert "but tianji-provider-acme 1.2.3 fails in its hooks: PluginValidationError: " in said
    assert "zebra" in said


@pytest.mark.parametrize("wrap", ["", "@functools.wraps(dict)\n"])
def test_an_async_hook_is_refused_before_it_runs(site, wrap):
    source = "import functools\n" + module("raise SystemExit(9)").replace("\ndef ", "\nasync def ")
    site.install("tianji-provider-acme", source)
    assert refusal(site.scan()) == text("""
        proxy_config.yaml:14: model_list[2] wants provider "acme", but tianji-provider-acme 1.2.3 cannot be used: \
its hook tianji_register_providers is an async function, and nobody awaits hooks.
          Hooks run while the gateway starts: make it a plain def. Only the objects wait.
    """)


def test_a_hook_that_raises(site):
    site.install("tianji-provider-acme", module("1 / 0"))
    said = refusal(site.scan())
    assert "but tianji-provider-acme 1.2.3 fails in its hooks: ZeroDivisionError: division by zero (" in said


def test_a_hook_that_raises_after_it_registered(site):
    site.install("tianji-provider-acme", module('register("acme", dict)\n1 / 0'))
    registry = site.scan()
    refusal(registry)
    assert registry.names("provider") == ["acme"]  # the installed name; nothing of it is ready


def test_nothing_is_registered_under_the_name(site):
    site.install("tianji-provider-acme", "")
    assert refusal(site.scan()) == text("""
        proxy_config.yaml:14: model_list[2] wants provider "acme", but tianji-provider-acme 1.2.3 registers no \
provider "acme" in its module tianji_provider_acme.
          It needs a function tianji_register_providers(register), marked with @hookimpl (tianji_core.hookspecs).
    """)


def test_another_name_is_registered(site):
    site.install("tianji-provider-acme", module('register("amce", dict)'))
    assert 'It registers provider "amce".' in refusal(site.scan())


def test_the_mark_is_missing(site):
    site.install("tianji-provider-acme", "def tianji_register_providers(register):\n    register('acme', dict)\n")
    said = refusal(site.scan())
    assert (
        "Its function tianji_register_providers lacks the mark: put @hookimpl (tianji_core.hookspecs) above it." in said
    )


def test_the_entry_point_is_in_the_wrong_group(site):
    site.install(
        "tianji-provider-acme",
        module('register("acme", dict)'),
        points={"tianji.callbacks": ["acme = tianji_provider_acme"]},
    )
    said = refusal(site.scan(), "callback")
    assert 'It registers a provider "acme": its entry point belongs into the group tianji.providers.' in said


def test_a_second_name_needs_an_entry_point(site):
    site.install("tianji-provider-acme", module('register("acme", dict)\nregister("openai", dict)'))
    said = refusal(site.scan())
    assert 'but tianji-provider-acme 1.2.3 registers provider "openai" without an entry point.' in said
    assert 'Its author has to add openai = "tianji_provider_acme" to the group tianji.providers.' in said


def test_a_second_entry_point_that_nothing_is_registered_for(site):
    lines = ["acme = tianji_provider_acme", "acme2 = tianji_provider_acme"]
    site.install("tianji-provider-acme", module('register("acme", dict)'), points={"tianji.providers": lines})
    registry = site.scan()
    registry.load("provider", "acme")
    assert 'but tianji-provider-acme 1.2.3 registers no provider "acme2".' in refusal(registry, name="acme2")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('register("acme", 7)', "with a factory that cannot be called: an object of class int."),
        ('async def make(settings): ...\nregister("acme", make)', "with an async factory."),
        (
            'register("acme", dict, settings={"a": 1})',
            "with settings that are not a pydantic model: an object of class dict.",
        ),
        ('register("acme", dict, int)', "with settings that are not a pydantic model: the class int."),
        (
            'import pydantic\nregister("acme", dict, pydantic.BaseModel)',
            "with settings that lack what every provider has.\n"
            "  Let BaseModel subclass tianji_core.api.provider.ProviderSettings.",
        ),
        ('register("acme", dict)\nregister("acme", list)', "twice."),
    ],
)
def test_what_cannot_be_made(site, call, words):
    site.install("tianji-provider-acme", module(call))
    assert f'but tianji-provider-acme 1.2.3 registers provider "acme" {words}' in refusal(site.scan())


@pytest.mark.parametrize("name", ["", 7, None])
def test_a_name_that_is_none(site, name):
    site.install("tianji-provider-acme", module(f"register({name!r}, dict)"))
    assert f"but tianji-provider-acme 1.2.3 registers a provider whose name is {name!r}." in refusal(site.scan())


@pytest.mark.parametrize("value", ["tianji_provider_acme:Acme", "tianji-provider-acme", "acme !"])
def test_an_entry_point_that_is_no_module(site, value):
    site.install("tianji-provider-acme", points={"tianji.providers": [f"acme = {value}"]})
    said = refusal(site.scan())
    assert f"but the entry point of tianji-provider-acme 1.2.3 is {value!r}, which is not a module." in said
    assert "Its author has to write just the module: acme = " in said


def test_an_extension_that_is_not_there(site):
    site.install("tianji-provider-acme")
    site.install("tianji-shelf", "", points={"tianji.extensions": ["shelf = tianji_shelf"]})
    with pytest.raises(PluginError) as caught:
        site.scan().load_extension("tianji-shelff", wanted_by="c.yaml:2: plugins[0]")
    assert str(caught.value) == text("""
        c.yaml:2: plugins[0] wants extension "tianji-shelff", which is not installed.
          Did you mean "tianji-shelf"?
          Installed extensions: shelf
          Installed packages with plugins: tianji-provider-acme, tianji-shelf
    """)
    with pytest.raises(PluginError, match="If it is a package of that name:  pip install zebra"):
        site.scan().load_extension("zebra")


def test_two_extensions_of_one_name(site):
    for package in ("shelf-a", "shelf-b"):
        site.install(package, "", points={"tianji.extensions": [f"shelf = {package.replace('-', '_')}"]})
    with pytest.raises(PluginError, match=r"but two installed packages have it: shelf-. 1.2.3 and shelf-. 1.2.3"):
        site.scan().load_extension("shelf")


def test_no_coroutine_is_left_unawaited(site, recwarn):
    site.install("tianji-provider-acme", module("pass").replace("\ndef ", "\nasync def "))
    refusal(site.scan())
    asyncio.run(asyncio.sleep(0))
    assert not recwarn.list
