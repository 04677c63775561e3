"""`tianji plugins check`: everything that is wrong with a plugin at once."""

from __future__ import annotations

import textwrap

import pytest

from tianji_core.discovery.checkup import examine, names_like

HEAD = """
from tianji_core.hookspecs import hookimpl
from tianji_core.api.provider import *
from tianji_core.api.callback import Callback
from tianji_core.api.guardrail import Guardrail
from tianji_core.api.routing import RoutingStrategy
from tianji_core.openai_compat import OpenAICompatible
"""

GROUPS = {
    "providers": "provider",
    "callbacks": "callback",
    "guardrails": "guardrail",
    "routing_strategies": "routing_strategy",
}


def problems(site, body, register='register("acme", Acme)', group="providers", **package):
    hook = f"@hookimpl\ndef tianji_register_{group}(register):\n    {register}\n"
    source = HEAD + textwrap.dedent(body) + "\n" + hook
    site.install("tianji-x-acme", source, points={f"tianji.{group}": ["acme = tianji_x_acme"]}, **package)
    registry = site.scan()
    (found,) = registry.installed()
    assert found.kind == GROUPS[group]
    return examine(registry, found)


def test_nothing_wrong(site):
    assert problems(site, 'class Acme(OpenAICompatible):\n    name = "acme"') == []


def test_a_function_as_a_factory_cannot_be_judged(site):
    assert problems(site, "def Acme(settings): ...") == []


def test_what_stops_the_gateway_is_told_in_its_words(site):
    (said,) = problems(site, "1 / 0")
    assert said.startswith('tianji plugins check wants provider "acme", but tianji-x-acme 1.2.3 cannot be imported: ')


def test_a_class_of_another_kind(site):
    (said,) = problems(site, "class Acme(Callback):\n    async def on_call(self, record): ...")
    assert said == "Acme does not subclass tianji_core.api.provider.Provider"


def test_everything_at_once(site):
    body = """
        class Acme(Provider):
            api_key_env = "ACME_API_KEY"
            forward_headers = frozenset({"X-Beta"})
            capabilities = {"chat"}
            def authorize(self, request): ...
            async def build_request(self, request): ...
            def parse_response(self, request, reply): ...
            def stream_decoder(self, request): ...
    """
    assert problems(site, body, requires=()) == [
        "Acme lacks parse_error",
        "Acme.authorize has to be an async function",
        "Acme.build_request must not be an async function: the core calls it in place",
        "Acme.capabilities has to be a Capabilities object",
        'Acme.name has to be a text: "acme"',
        "Acme.api_key_env has to be a tuple of names",
        "Acme.forward_headers has to be in lower case: X-Beta",
        "tianji-x-acme does not say which tianji-core it needs: add it to its dependencies",
    ]


def test_a_hook_without_its_mark_beside_a_good_one(site):
    body = """
        class Acme(OpenAICompatible):
            name = "acme"

        def tianji_register_callbacks(register): ...
    """
    assert problems(site, body) == ["tianji_register_callbacks in tianji_x_acme lacks @hookimpl, so it is never called"]


def test_a_callback_that_is_not_async(site):
    body = "class Acme(Callback):\n    def __init__(self): ...\n    def on_call(self, record): ..."
    assert problems(site, body, group="callbacks") == [
        "Acme.on_call has to be an async function",
        "Acme is made without an argument, but a factory is given its settings",
    ]


def test_a_routing_strategy_that_is(site):
    body = "class Acme(RoutingStrategy):\n    def __init__(self, s): ...\n    async def pick(self, c, call, s): ..."
    assert problems(site, body, group="routing_strategies") == [
        "Acme.pick must not be an async function: the core calls it in place"
    ]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("acme", ["callback", "provider"]),
        ("provider:acme", ["provider"]),
        ("callback:acme", ["callback"]),
        ("tianji-provider-acme", ["provider"]),
        ("guardrail:acme", []),
        ("x", []),
    ],
)
def test_how_a_person_names_a_plugin(site, name, found):
    site.install("tianji-provider-acme")
    site.install("tianji-callback-acme", points={"tianji.callbacks": ["acme = tianji_callback_acme"]})
    assert [one.kind for one in names_like(site.scan(), name)] == found


def test_an_extension(site):
    site.install("tianji-shelf", "1 / 0", points={"tianji.extensions": ["shelf = tianji_shelf"]})
    registry = site.scan()
    (said,) = examine(registry, registry.installed()[0])
    assert 'wants extension "shelf", but tianji-shelf 1.2.3 cannot be imported' in said
