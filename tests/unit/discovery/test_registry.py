"""Plugins found, loaded and refused: the way that goes well."""

from __future__ import annotations

import sys
import time
from types import ModuleType

import pytest
from pydantic import BaseModel

from tianji_core.discovery import KINDS, PluginError, Registry, scan
from tianji_core.hookspecs import hookimpl


def test_the_six_kinds():
    assert KINDS == ("provider", "routing_strategy", "callback", "guardrail", "auth_backend", "cache")


def test_a_named_plugin_is_loaded_and_no_other(site):
    site.install("tianji-provider-acme")
    site.install(
        "tianji-provider-other", "raise SystemExit(9)", points={"tianji.providers": ["other = tianji_provider_other"]}
    )
    registry = site.scan()
    assert "tianji_provider_acme" not in sys.modules
    acme = registry.load("provider", "acme")
    assert (acme.kind, acme.name, acme.settings) == ("provider", "acme", None)
    assert (acme.distribution, acme.version, acme.module) == ("tianji-provider-acme", "1.2.3", "tianji_provider_acme")
    assert acme.factory is sys.modules["tianji_provider_acme"].Acme
    assert "tianji_provider_other" not in sys.modules
    assert registry.load("provider", "acme") is acme


def test_what_is_installed_is_known_without_an_import(site):
    module = site.install("tianji-provider-acme")
    registry = site.scan()
    (found,) = registry.installed()
    assert (found.kind, found.name, found.target) == ("provider", "acme", module)
    assert (found.package, found.summary) == ("tianji-provider-acme 1.2.3", "The tianji-provider-acme package")
    assert registry.names("provider") == ["acme"]
    assert registry.names("callback") == []
    assert module not in sys.modules


TWO_NAMES = """
    from tianji_core.hookspecs import hookimpl

    @hookimpl
    def tianji_register_providers(register):
        register("acme", dict)
        register("acme-text", list)
"""


def test_a_module_with_two_names_is_loaded_once(site):
    lines = ["acme = tianji_provider_acme", "acme-text = tianji_provider_acme"]
    site.install("tianji-provider-acme", TWO_NAMES, points={"tianji.providers": lines})
    registry = site.scan()
    assert registry.load("provider", "acme-text").factory is list
    assert registry.load("provider", "acme").factory is dict
    assert len(registry.loaded()) == 1


def test_two_registries_share_no_state(site):
    site.install("tianji-provider-acme")
    first, second = site.scan(), site.scan()
    first.load("provider", "acme")
    assert second.registered() == []
    assert second.load("provider", "acme").name == "acme"


def test_a_process_registers_its_own_and_wins_over_what_is_installed(site):
    class Settings(BaseModel):
        size: int = 1

    site.install("tianji-callback-mine", points={"tianji.callbacks": ["mine = tianji_callback_mine"]})
    registry = site.scan()
    mine = registry.register("callback", "mine", dict, Settings)
    assert registry.load("callback", "mine") is mine
    assert (mine.distribution, mine.settings) == (None, Settings)
    assert registry.names("callback") == ["mine"]
    with pytest.raises(PluginError, match=r'both builtins and builtins register callback "mine"'):
        registry.register("callback", "mine", dict)


def test_the_core_hangs_its_own_plugins_in_through_the_same_hook():
    module = ModuleType("tianji_core.made_up")

    @hookimpl
    def tianji_register_routing_strategies(register):
        register("simple-shuffle", dict)

    module.tianji_register_routing_strategies = tianji_register_routing_strategies
    registry = Registry()
    loaded = registry.include(module)
    assert registry.include(module) is loaded
    shuffle = registry.load("routing_strategy", "simple-shuffle")
    assert (shuffle.distribution, shuffle.module) == ("tianji-core", "tianji_core.made_up")


EXTENSION = """
    from tianji_core.hookspecs import hookimpl

    @hookimpl
    def tianji_register_caches(register):
        register("shelf", dict)

    @hookimpl
    def tianji_routes(gateway):
        return []
"""


def test_an_extension_by_its_name_or_its_package(site):
    site.install("tianji-shelf", EXTENSION, points={"tianji.extensions": ["shelf = tianji_shelf"]})
    for name in ("shelf", "tianji-shelf", "Tianji_Shelf"):
        registry = site.scan()
        (loaded,) = registry.load_extension(name)
        assert [one.name for one in loaded.registered] == ["shelf"]
        assert registry.load("cache", "shelf").factory is dict
        assert registry.pm.hook.tianji_routes(gateway=None) == [[]]
        assert registry.load_extension(name) == [loaded]


def test_an_async_generator_may_be_a_lifespan(site):
    source = """
        from tianji_core.hookspecs import hookimpl

        @hookimpl
        async def tianji_lifespan(gateway):
            yield
    """
    site.install("tianji-shelf", source, points={"tianji.extensions": ["shelf = tianji_shelf"]})
    assert len(site.scan().load_extension("shelf")) == 1


def test_a_refused_plugin_leaves_nothing_behind_and_can_be_tried_again(site):
    module = site.install("tianji-provider-acme", "raise ValueError('not yet')")
    registry = site.scan()
    with pytest.raises(PluginError, match="not yet"):
        registry.load("provider", "acme")
    assert registry.pm.get_plugins() == set()
    (site.folder / f"{module}.py").write_text(
        "from tianji_core.hookspecs import hookimpl\n"
        "@hookimpl\n"
        "def tianji_register_providers(register):\n"
        "    register('acme', dict)\n"
    )
    sys.modules.pop(module, None)
    assert registry.load("provider", "acme").factory is dict


def test_sixty_plugins_are_scanned_in_no_time(site):
    for number in range(60):
        name = f"tianji-provider-p{number}"
        site.install(name, None, points={"tianji.providers": [f"p{number} = {name.replace('-', '_')}"]})
    best, peer = 1.0, 1.0
    for _ in range(10):
        scan._read_anew.cache_clear()  # as in a process that has just started
        start = time.perf_counter()
        registry = Registry.scan()  # the real one, over all of sys.path
        best = min(best, time.perf_counter() - start)
        start = time.perf_counter()
        for found in (
            sorted(site.folder.glob("*.dist-info/entry_points.txt")) * 5
        ):  # what any reader has to do, and more
            found.read_text().splitlines()
        peer = min(peer, time.perf_counter() - start)
    assert len([name for name in registry.names("provider") if name.startswith("p")]) >= 60
    assert best < max(0.03, 2 * peer), (best, peer)


def test_what_is_installed_later_is_found_by_the_next_scan(site):
    def names():
        return [name for name in Registry.scan().names("provider") if name.startswith("late-")]

    assert names() == []
    for name in ("late-1", "late-2"):
        time.sleep(0.02)  # the clock of a file system ticks every few milliseconds
        site.install(name, points={"tianji.providers": [f"{name} = {name.replace('-', '_')}"]})
        assert names()[-1] == name
    assert names() == ["late-1", "late-2"]


def test_an_unknown_kind_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="no such kind"):
        Registry().load("gizmo", "x")
