# ruff: noqa: E501
"""A LiteLLM config with nearly every key loads as it is: no error, and nothing is called unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tianji_core.config import Loaded, load
from tianji_core.config.schema import GeneralSettings, LitellmSettings, RouterSettings, keys_of

BIG = Path(__file__).parent / "litellm_big.yaml"
VARIABLES = (
    "THE_REDIS AZURE_API_KEY_EU AZURE_TENANT AZURE_SECRET OPENAI_API_KEY AWS_KEY AWS_SECRET ANTHROPIC_API_KEY EMBEDDINGS "
    "REDIS_PASSWORD REDIS_URL LF_PUBLIC LITELLM_MASTER_KEY DATABASE_URL LITELLM_LICENSE GITHUB_TOKEN PPLX"
)


@pytest.fixture(scope="module")
def big() -> Loaded:
    return load(BIG, dict.fromkeys(VARIABLES.split(), "value"))


def test_there_are_no_errors_and_only_one_kind_of_warning(big: Loaded) -> None:
    assert big.report.errors == []
    others = [str(problem) for problem in big.report if problem.kind != "not-honoured"]
    assert others == []


def test_every_warning_has_a_line(big: Loaded) -> None:
    assert all(problem.where.split(":")[1].isdigit() for problem in big.report)


def test_nearly_every_key_of_the_reference_is_in_it(big: Loaded) -> None:
    for block, model in (
        (big.config.general_settings, GeneralSettings),
        (big.config.litellm_settings, LitellmSettings),
        (big.config.router_settings, RouterSettings),
    ):
        said = {*block.model_fields_set, *(block.model_extra or {})}
        keys = {name for name, about in keys_of(model).items() if about.usage in "AB" and about.usage != "ours"}
        assert len(keys & said) >= 0.95 * len(keys), keys - said


def test_what_is_not_honoured_is_told_for_each_key(big: Loaded) -> None:
    told = {problem.key_path for problem in big.report}
    for block, model in (("general_settings", GeneralSettings), ("litellm_settings", LitellmSettings)):
        said = getattr(big.config, block)
        for name, about in keys_of(model).items():
            if (
                not about.honoured
                and name in (said.model_extra or {})
                and name not in ("disable_aiohttp_transport", "cancel_on_disconnect")
            ):
                assert f"{block}.{name}" in told


def test_what_is_honoured_has_its_value(big: Loaded) -> None:
    config = big.config
    assert len(config.model_list) == 11
    row = config.model_list[0]
    assert row.id == "gpt-4o-eu"
    params = row.litellm_params
    assert (params.api_key, params.api_version, params.timeout, params.tpm) == ("value", "2024-10-21", 300, 100000)
    assert params.openai_params == {"temperature": 0.2, "max_tokens": 4096}
    assert set(params.vendor_params) == {"region_name", "azure_ad_token", "tenant_id", "client_id", "client_secret"}
    assert row.model_info.model_extra is not None
    assert row.model_info.model_extra["owner"] == {"name": "someone", "since": "2024-01-01"}
    assert config.model_list[2].litellm_params.model == "gpt-4o-mini"
    assert config.model_list[2].litellm_params.rpm == 500
    assert config.model_list[7].litellm_params.api_base == "value"
    assert config.model_list[8].litellm_params.address == "http://localhost:11434"
    assert config.model_list[-1].model_name == "included"
    assert big.where(("model_list", 10)) == "litellm_more.yaml:2"
    router = config.router_settings
    assert (router.num_retries, router.timeout, router.stream_timeout, router.retry_after) == (2, 30, 10.5, 5)
    assert router.fallbacks[1] == {"gemini": ["gpt-4o"]}
    assert config.litellm_settings.success_callback == ["langfuse"]
    assert config.general_settings.master_key == "value"
    assert config.general_settings.always_include_stream_usage is True
    assert big.exports == {
        "LANGFUSE_HOST": "https://langfuse.example",
        "REDIS_HOST": "value",
        "AZURE_API_VERSION": "2024-10-21",
    }
    assert [guardrail.guardrail_name for guardrail in config.guardrails] == [
        "presidio-pii",
        "moderation",
        "by-tag",
        "own",
    ]
    assert config.guardrails[0].litellm_params.extra["presidio_language"] == "en"
