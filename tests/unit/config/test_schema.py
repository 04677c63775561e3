# ruff: noqa: E501
"""What values become: defaults, lenient types, lists for one, settings that stand in two places."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tianji_core.config import ConfigError, Loaded, Report, load_mapping
from tianji_core.config.schema import Config, keys_of

Loads = Callable[..., Loaded]


def row(**params: Any) -> Loaded:
    data = {"model_list": [{"model_name": "a", "litellm_params": {"model": "echo/a", **params}}]}
    return load_mapping(data, environ={})


def get(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def test_defaults() -> None:
    config = load_mapping({"model_list": []}, environ={}).config
    router, general, litellm = config.router_settings, config.general_settings, config.litellm_settings
    assert (router.num_retries, router.timeout, router.retry_after, router.max_fallbacks) == (2, 6000, 0, 5)
    assert (router.routing_strategy, router.stream_timeout, router.fallbacks) == ("simple-shuffle", None, [])
    assert (general.max_request_size_mb, general.drain_timeout) == (32, 30)
    assert (general.response_header_prefix, general.master_key) == ("x-litellm-", None)
    assert (litellm.drop_params, litellm.ssl_verify, litellm.callbacks) == (False, True, [])
    assert config.plugins == []


@pytest.mark.parametrize(
    ("path", "given", "value"),
    [
        ("router_settings.timeout", "600", 600),
        ("router_settings.timeout", None, 6000),
        ("router_settings.num_retries", "3", 3),
        ("router_settings.num_retries", 3.0, 3),
        ("general_settings.max_request_size_mb", "1e1", 10),
        ("litellm_settings.drop_params", "True", True),
        ("litellm_settings.drop_params", "false", False),
        ("litellm_settings.drop_params", "yes", True),
        ("litellm_settings.callbacks", "otel", ["otel"]),
        ("litellm_settings.callbacks", [None, "otel"], ["otel"]),
        ("litellm_settings.ssl_verify", "false", False),
        ("litellm_settings.ssl_verify", "/etc/ca.pem", "/etc/ca.pem"),
        ("litellm_settings.ssl_verify", False, False),
        ("general_settings.master_key", 1234, "1234"),
        ("router_settings.default_fallbacks", "b", ["b"]),
        ("router_settings.fallbacks", [{"a": ["b", "c"]}], [{"a": ["b", "c"]}]),
        ("router_settings.fallbacks", [{"a": "b"}, {"c": ["d"]}], [{"a": ["b"]}, {"c": ["d"]}]),
        ("router_settings.fallbacks", {"a": ["b"], "c": "d"}, [{"a": ["b"]}, {"c": ["d"]}]),
        ("router_settings.fallbacks", [{"a": [{"model": "b"}]}], [{"a": [{"model": "b"}]}]),
        ("general_settings.auth_backends", ["jwt"], ["jwt"]),
        ("plugins", "x", ["x"]),
    ],
)
def test_lenient_values(path: str, given: Any, value: Any) -> None:
    data: Any = given
    for part in reversed(path.split(".")):
        data = {part: data}
    loaded = load_mapping(data, environ={})
    assert get(loaded.config, path) == value
    assert not loaded.report


@pytest.mark.parametrize(("given", "value"), [("1e6", 1_000_000), ("100", 100), (5, 5), (None, None)])
def test_lenient_row_values(given: Any, value: Any) -> None:
    assert row(tpm=given).config.model_list[0].litellm_params.tpm == value


def test_aliases_of_groups() -> None:
    loaded = load_mapping({"router_settings": {"model_group_alias": {"a": "b", "c": {"model": "d", "hidden": True}}}})
    aliases = loaded.config.router_settings.model_group_alias
    assert {name: (alias.model, alias.hidden) for name, alias in aliases.items()} == {
        "a": ("b", False),
        "c": ("d", True),
    }


def test_litellm_settings_fill_router_settings() -> None:
    loaded = load_mapping(
        {
            "litellm_settings": {
                "num_retries": 7,
                "request_timeout": 9,
                "fallbacks": [{"a": ["b"]}],
                "default_fallbacks": ["x"],
            },
            "router_settings": {"timeout": 3},
        },
        environ={},
    )
    router = loaded.config.router_settings
    assert (router.num_retries, router.timeout, router.fallbacks, router.default_fallbacks) == (
        7,
        3,
        [{"a": ["b"]}],
        ["x"],
    )


def test_a_row_sorts_its_parameters() -> None:
    params = row(
        temperature=0.5, top_k=3, aws_region_name="eu", region_name="eu", tags=["x"], silent_model="y",
        input_cost_per_token=1.0, my_own=1, api_bse="x", base_url="https://b", headers={"a": "1"}, extra_headers={"a": "2"},
    ).config.model_list[0].litellm_params  # fmt: skip
    assert params.openai_params == {"temperature": 0.5}
    assert params.vendor_params == {"top_k": 3, "aws_region_name": "eu", "region_name": "eu", "my_own": 1}
    assert params.address == "https://b"
    assert params.all_headers == {"a": "2"}
    assert params.tags == ["x"]
    assert params.input_cost_per_token == 1.0
    assert params.cooldown_time is None


def test_null_is_not_given() -> None:
    loaded = row(temperature=None, rpm=None, api_key=None, top_k=None)
    assert loaded.config.model_list[0].litellm_params.openai_params == {}
    assert loaded.config.model_list[0].litellm_params.vendor_params == {}
    assert not load_mapping({"router_settings": None, "model_list": None, "guardrails": None}).report


@pytest.mark.parametrize(
    "name",
    ["top_k", "min_p", "repetition_penalty", "safety_settings", "aws_region_name", "vertex_project", "azure_ad_token",
     "watsonx_region_name", "temperature", "reasoning_effort", "my_vendor_param", "tenant_id", "num_ctx", "keep_alive"],
)  # fmt: skip
def test_vendor_parameters_are_no_mistakes(name: str) -> None:
    assert not row(**{name: "x"}).report


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("api_bse", "api_base"), ("api_keys", "api_key"), ("timout", "timeout"), ("tempreature", "temperature"),
     ("drop_param", "drop_params"), ("extra_header", "extra_headers"), ("max_token", "max_tokens")],
)  # fmt: skip
def test_slips_are(slip: str, meant: str) -> None:
    assert [problem.hint for problem in row(**{slip: "x"}).report] == [f'Did you mean "{meant}"?']


@pytest.mark.parametrize(
    ("data", "warned"),
    [
        ({"litellm_settings": {"log_raw_request_response": False}}, False),
        ({"litellm_settings": {"log_raw_request_response": "False"}}, False),
        ({"litellm_settings": {"log_raw_request_response": None}}, False),
        ({"litellm_settings": {"log_raw_request_response": True}}, True),
        ({"router_settings": {"disable_cooldowns": False, "cooldown_time": 30}}, False),
        ({"general_settings": {"cancel_on_disconnect": True}}, False),
        ({"general_settings": {"cancel_on_disconnect": False}}, True),
        ({"general_settings": {"background_health_checks": True, "health_check_interval": 30}}, False),
        ({"general_settings": {"store_model_in_db": "True"}}, False),
        ({"general_settings": {"completion_model": "x"}}, True),
        ({"general_settings": {"infer_model_from_keys": False}}, False),
        ({"mcp_servers": {}}, False),
        ({"prompts": {}}, False),
        ({"prompts": {"x": {}}}, True),
    ],
)
def test_what_tianji_does_anyway_needs_no_warning(data: dict[str, Any], warned: bool) -> None:
    problems = load_mapping(data, environ={}).report.problems
    assert [problem.kind for problem in problems] == ["not-honoured"] * warned


def test_values_that_are_half_honoured_are_told() -> None:
    loaded = row(organization=["a", "b"])
    assert loaded.config.model_list[0].litellm_params.organization == "a"
    assert [problem.kind for problem in loaded.report] == ["not-honoured"]
    assert [problem.kind for problem in row(api_base="https://a", base_url="https://b").report] == ["conflict"]


def test_stages_of_a_guardrail() -> None:
    def params(mode: Any) -> Any:
        guardrail = {"guardrail_name": "g", "litellm_params": {"guardrail": "x", "mode": mode}}
        return load_mapping({"guardrails": [guardrail]}).config.guardrails[0].litellm_params

    assert (params("post_call").stages, params("post_call").tagged) == (["post_call"], {})
    assert params(["pre_call", "post_call"]).stages == ["pre_call", "post_call"]
    by_tag = params({"tags": {"x": "post_call", "y": ["pre_call", "logging_only"]}, "default": "during_call"})
    assert by_tag.stages == ["during_call"]
    assert by_tag.tagged == {"x": ["post_call"], "y": ["pre_call", "logging_only"]}
    assert params({"tags": {"x": "post_call"}}).stages == []
    for wrong in ("before", [], {"tags": ["x"]}, {"tags": {"x": "never"}}, {"other": "pre_call"}):
        with pytest.raises(ConfigError):
            params(wrong)


def test_a_guardrail_keeps_its_own_settings() -> None:
    params = {"guardrail": "x", "mode": "pre_call", "api_key": "k", "pii": {"a": 1}, "run_in_parallel": True}
    loaded = load_mapping({"guardrails": [{"guardrail_name": "g", "litellm_params": params}]})
    (guardrail,) = loaded.config.guardrails
    assert guardrail.litellm_params.extra == {"api_key": "k", "pii": {"a": 1}}
    assert guardrail.litellm_params.mode == ["pre_call"]
    assert not guardrail.litellm_params.default_on
    assert [problem.key_path for problem in loaded.report] == ["guardrails[0].litellm_params.run_in_parallel"]


def test_free_places_stay_free() -> None:
    data = {
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "m"}, "model_info": {"team": {"x": [1]}, "n": None}}
        ],
        "callback_settings": {"my_cb": {"callback_type": "generic_api", "odd": 1}},
    }
    loaded = load_mapping(data)
    assert loaded.config.model_list[0].model_info.model_extra == {"team": {"x": [1]}}
    assert loaded.config.callback_settings == {"my_cb": {"callback_type": "generic_api", "odd": 1}}
    assert not loaded.report


def test_ids_are_those_of_the_reference() -> None:
    deployment = row(api_key="k", extra_body={"a": 1}, rpm=5).config.model_list[0]
    text = "a" + "model" + "echo/a" + "api_key" + "k" + "extra_body" + '{"a": 1}' + "rpm" + "5"
    assert deployment.id == hashlib.sha256(text.encode()).hexdigest()
    assert deployment.index == 0
    named = {"model_name": "a", "litellm_params": {"model": "m"}, "model_info": {"id": "x"}}
    assert load_mapping({"model_list": [named]}).config.model_list[0].id == "x"


def test_a_config_cannot_be_changed() -> None:
    config = load_mapping({"model_list": []}).config
    with pytest.raises(ValidationError):
        config.router_settings.num_retries = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.plugins = []  # type: ignore[misc]


def test_a_repr_shows_what_was_said_and_no_defaults() -> None:
    assert repr(load_mapping({"router_settings": {"timeout": 3, "redis_db": 1}}).config.router_settings) == (
        "RouterSettings(timeout=3.0, redis_db=1)"
    )


def test_every_key_has_a_meaning() -> None:
    from scripts_config_reference import BLOCKS

    for _, model in BLOCKS:
        for name, about in keys_of(model).items():
            assert about.doc.endswith((".", "…")), name
        for name, doc in {**model.rare, **model.passed}.items():
            assert doc.endswith("."), name


def test_no_rare_key_is_a_field_too(report: Callable[..., Report]) -> None:
    from scripts_config_reference import BLOCKS

    for _, model in BLOCKS:
        assert not set(keys_of(model)) & {*model.rare, *model.passed}, model
