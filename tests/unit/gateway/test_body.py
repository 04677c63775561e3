"""What a body may say, what it may not, and what the vendor gets of it."""

from __future__ import annotations

import pytest

from tianji_core.api.errors import AuthenticationError, BadRequestError, UnsupportedParamsError
from tianji_core.api.provider import ProviderSettings
from tianji_core.gateway.body import (
    OWN,
    REFUSED,
    TYPES,
    check_body,
    read_metadata,
    read_options,
    read_tags,
)
from tianji_core.gateway.call import DEFAULT_OPTIONS, Call
from tianji_core.gateway.vendor_request import vendor_body
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.routing import Deployment
from tianji_core.transport import Timeouts

VALUES = {str: "x", int: 1, float: 1.5, list: [], dict: {}, bool: True}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("kind", VALUES)
def test_the_table_of_types(name, kind):
    types = TYPES[name]
    value = [] if name == "fallbacks" and kind is list else VALUES[kind]
    body = {**CHAT, name: value}
    fits = kind in types or (kind is int and float in types)
    if kind is bool:
        fits = bool in types
    if fits:
        assert {**check_body(body, "chat"), name: value} == body
    else:
        with pytest.raises(BadRequestError) as raised:
            check_body(body, "chat")
        assert raised.value.param == name
        assert "expected" in raised.value.message


@pytest.mark.parametrize("name", [name for name in TYPES if name != "messages"])
def test_null_is_always_allowed(name):
    check_body({**CHAT, name: None}, "chat")


def test_messages_for_people():
    for value, text in (("x", "an integer"), (1.5, "an integer")):
        with pytest.raises(BadRequestError, match=text):
            check_body({**CHAT, "max_tokens": value}, "chat")
    with pytest.raises(BadRequestError, match="expected a number"):
        check_body({**CHAT, "temperature": "x"}, "chat")
    with pytest.raises(BadRequestError, match="a string or an array"):
        check_body({**CHAT, "stop": 5}, "chat")
    with pytest.raises(BadRequestError, match="a string or an object"):
        check_body({**CHAT, "tool_choice": 5}, "chat")


@pytest.mark.parametrize("body", [None, [], "x", 5, True])
def test_only_objects(body):
    with pytest.raises(BadRequestError) as raised:
        check_body(body, "chat")
    assert raised.value.param == "request_body"


@pytest.mark.parametrize("operation", ["completions", "embeddings"])
def test_the_other_operations(operation):
    name = "prompt" if operation == "completions" else "input"
    for good in ("x", "", [], ["x"], [1, 2], [[1]]):
        check_body({"model": "m", name: good}, operation)
    for bad in (None, 5, {}, True):
        with pytest.raises(BadRequestError) as raised:
            check_body({"model": "m", name: bad}, operation)
        assert raised.value.param == name


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_steer_the_gateway(name):
    for body in (
        {**CHAT, name: "x"},
        {**CHAT, name: None},
        {**CHAT, "extra_body": {name: "x"}},
        {**CHAT, "fallbacks": [{"model": "b", name: "x"}]},
        {**CHAT, "fallbacks": [{"model": "b", "extra_body": {name: "x"}}]},
    ):
        with pytest.raises(AuthenticationError, match=name) as raised:
            check_body(body, "chat")
        assert raised.value.error_type == "auth_error"


def test_extra_members_are_checked_like_the_others():
    body = {**CHAT, "extra_body": {"top_k": 1, "messages": [], "model": "other", "stream": True, "tags": ["x"]}}
    checked = check_body(body, "chat")
    assert (checked["top_k"], checked["messages"], checked["model"]) == (1, [], "m")
    assert "stream" not in checked
    assert "tags" not in checked
    assert body["messages"], "the caller's own body was changed"
    with pytest.raises(BadRequestError):
        check_body({**CHAT, "extra_body": {"temperature": "hot"}}, "chat")


def test_options():
    assert read_options(CHAT) is DEFAULT_OPTIONS
    options = read_options(
        {
            **CHAT,
            "num_retries": 3,
            "timeout": 1,
            "stream_timeout": 2.5,
            "fallbacks": ["a", {"model": "b"}],
            "disable_fallbacks": True,
            "drop_params": True,
            "guardrails": ["g", {"h": {"extra_body": {"a": 1}}}],
            "guardrail_config": {"language": "de"},
        }
    )
    assert (options.num_retries, options.timeout, options.stream_timeout) == (3, 1, 2.5)
    assert options.fallbacks == ("a", {"model": "b"})
    assert options.disable_fallbacks
    assert options.drop_params
    assert options.guardrails == {"g", "h"}
    assert options.guardrail_options == {"": {"language": "de"}, "h": {"language": "de", "a": 1}}
    for wrong in ([5], [{}], [{"a": {}, "b": {}}]):
        with pytest.raises(BadRequestError):
            read_options({**CHAT, "guardrails": wrong})
    assert read_options({**CHAT, "drop_params": "yes", "disable_fallbacks": 1}) == DEFAULT_OPTIONS
    for name, value in (("num_retries", -1), ("timeout", 0), ("timeout", -1.5), ("stream_timeout", 0)):
        with pytest.raises(BadRequestError) as raised:
            read_options({**CHAT, name: value})
        assert raised.value.param == name


def test_tags():
    assert read_tags({}, {}, None) == ()
    assert read_tags({"tags": ["a", "b"]}, {"tags": ["b", "c"]}, "d, a ,,") == ("a", "b", "c", "d")
    assert read_tags({"tags": [1, None, "", "a"]}, {"tags": "x"}, None) == ("a",)
    assert read_tags({"tags": None}, {}, "") == ()


def test_metadata():
    assert read_metadata({}) == read_metadata({"metadata": None, "litellm_metadata": None}) == {}
    assert read_metadata({"metadata": {"a": 1}}) == read_metadata({"litellm_metadata": {"a": 1}}) == {"a": 1}
    assert read_metadata({"metadata": {"a": 1, "b": 1}, "litellm_metadata": {"b": 2}}) == {"a": 1, "b": 2}


# -- what the vendor gets ------------------------------------------------------------------------------------------


class Vendor(OpenAICompatible):
    name = "vendor"
    key_required = False
    unsupported_params = frozenset({"seed", "logit_bias"})


def sent(body, *, stream=False, **fields):
    deployment = Deployment(
        id="d",
        model_name="m",
        model="up",
        provider_name="vendor",
        provider=Vendor(ProviderSettings(api_base="http://v")),
        transport=None,
        network=None,
        timeouts=Timeouts(),
        stream_timeouts=Timeouts(),
        **fields,
    )
    body = check_body({**CHAT, **body}, "chat")
    call = Call("chat", "m", body, stream, options=read_options(body))
    before = dict(body)
    found = vendor_body(call, deployment, "up-model")
    assert body == before, "the call's own body was changed"
    assert found.pop("model") == "up-model"
    assert found.pop("messages") == CHAT["messages"]
    return found


def test_what_is_ours_is_not_sent():
    ours = dict.fromkeys(OWN) | {"metadata": {"a": 1}, "tags": ["x"], "guardrails": ["g"], "timeout": 5}
    assert sent({**ours, "top_k": 1}) == {"top_k": 1}


def test_defaults():
    assert sent({"temperature": 1}, defaults={"temperature": 0, "max_tokens": 5}) == {"temperature": 1, "max_tokens": 5}
    assert sent({"temperature": None}, defaults={"temperature": 0}) == {"temperature": None}


def test_what_the_row_has_fixed_holds_for_everybody():
    guard = {"guardrailIdentifier": "g"}
    fixed = {"defaults": {"guardrailConfig": guard, "top_k": 3}, "fixed": {"guardrailConfig": guard}}
    assert sent({"guardrailConfig": None, "top_k": 5}, **fixed) == {"guardrailConfig": guard, "top_k": 5}
    assert sent({"additional_drop_params": ["guardrailConfig"]}, **fixed)["guardrailConfig"] == guard


def test_parameters_that_the_vendor_lacks():
    with pytest.raises(UnsupportedParamsError, match="logit_bias, seed"):
        sent({"seed": 1, "logit_bias": {}})
    assert sent({"seed": 1}, drop_params=True) == {}
    assert sent({"seed": 1, "drop_params": True}) == {}
    assert sent({"seed": None}) == {}
    assert sent({"seed": 1}, allowed_params=frozenset({"seed"})) == {"seed": 1}
    assert sent({"seed": 1, "top_k": 1}, dropped_params=frozenset({"seed", "top_k", "never"})) == {}
    with pytest.raises(UnsupportedParamsError):
        sent({}, defaults={"seed": 1})


def test_places_that_are_left_out():
    tools = [{"type": "function", "input_examples": [1]}]
    bare = [{"type": "function"}]
    places = (("tools", None, "input_examples"),)
    assert sent({"tools": tools}, dropped_places=places) == {"tools": bare}
    assert sent({"tools": tools, "additional_drop_params": ["tools[0].input_examples"]}) == {"tools": bare}
    assert sent({"seed": 1, "top_k": 1, "additional_drop_params": ["seed", "top_k"]}) == {}
    assert sent({"seed": 1, "allowed_openai_params": ["seed"]}) == {"seed": 1}


def test_what_a_call_is_about_is_not_left_out():
    kept = ["messages", "messages[0].content", "model", "stream"]
    assert sent({"stream": True, "additional_drop_params": kept}, stream=True, asks_for_usage=False) == {"stream": True}


@pytest.mark.parametrize("asked", [["a["], [1], ["x"] * 100])
def test_paths_of_a_request_that_are_none(asked):
    with pytest.raises(BadRequestError) as raised:
        read_options({**CHAT, "additional_drop_params": asked})
    assert raised.value.param == "additional_drop_params"


def test_usage_is_asked_for():
    asked = {"include_usage": True}
    assert sent({}, stream=True)["stream_options"] == asked
    assert sent({"stream_options": {}}, stream=True)["stream_options"] == asked
    assert sent({"stream_options": None}, stream=True)["stream_options"] == asked
    assert sent({"stream_options": {"x": 1}}, stream=True)["stream_options"] == {"x": 1, **asked}
    assert "stream_options" not in sent({}, stream=True, asks_for_usage=False)
    assert sent({"stream_options": asked}, stream=True, asks_for_usage=False)["stream_options"] == asked
    assert "stream_options" not in sent({"stream_options": asked})
