"""From rows to deployments: whose model it is, what a credential lends, what is left out."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from pydantic import Field

from tianji_core.api.provider import ProviderSettings
from tianji_core.config import ConfigError, load_mapping
from tianji_core.discovery import Registry
from tianji_core.gateway import Gateway
from tianji_core.gateway.bare_names import provider_of
from tianji_core.openai_compat import OpenAICompatible


class Settings(ProviderSettings):
    region: str | None = Field(None, description="Where it runs")
    client_secret: str | None = Field(None, repr=False, description="What it proves itself with")
    api_version: str | None = Field(None, description="The version of its API")
    base_model: str | None = Field(None, description="The model behind a name")


class Cloud(OpenAICompatible):
    """A vendor whose customers each have their own address and more than a key."""

    name = "cloud"
    api_base_env: ClassVar[tuple[str, ...]] = ("CLOUD_BASE",)


CREDENTIAL = {
    "api_key": "sk-lent",
    "api_base": "https://lent.test/v1",
    "api_version": "2030-01-01",
    "organization": "org-lent",
    "region": "os.environ/REGION",
    "client_secret": "s3cret",
    "extra_headers": {"x-lent": "yes"},
    "timeout": 7,
    "temperature": 0.5,
    "x_vendor": 1,
    "model": "cloud/another",
    "unset": None,
}


@pytest.fixture
def build():
    made = []

    def run(params, credentials=None, **config):
        registry = Registry.scan()
        registry.register("provider", "cloud", Cloud, Settings)
        found = {"model_list": [{"model_name": "m", "litellm_params": {"model": "cloud/up", **params}}], **config}
        if credentials is not None:
            found["credential_list"] = [{"credential_name": "c", "credential_values": credentials}]
        gateway = Gateway.from_config(load_mapping(found, environ={"REGION": "eu-1"}), registry=registry)
        made.append(gateway)
        return gateway.pipeline.models.deployments[0]

    yield run
    for gateway in made:
        asyncio.run(gateway.aclose())


def test_a_credential_lends_every_setting(build):
    deployment = build({"litellm_credential_name": "c"}, CREDENTIAL)
    settings = deployment.provider.settings
    assert isinstance(settings, Settings)
    assert settings.api_key == "sk-lent"
    assert settings.api_base == "https://lent.test/v1"
    assert settings.api_version == "2030-01-01"
    assert settings.organization == "org-lent"
    assert settings.region == "eu-1"
    assert settings.client_secret == "s3cret"
    assert settings.extra_headers == {"x-lent": "yes"}
    assert deployment.model == "up"
    assert deployment.timeouts.total == 7
    assert deployment.defaults == {"temperature": 0.5, "x_vendor": 1}


def test_what_the_row_says_wins(build):
    own = {"api_key": "sk-own", "region": "us-2", "temperature": 0, "timeout": 3}
    deployment = build({"litellm_credential_name": "c", **own}, CREDENTIAL)
    settings = deployment.provider.settings
    assert (settings.api_key, settings.region, deployment.timeouts.total) == ("sk-own", "us-2", 3)
    assert deployment.defaults["temperature"] == 0
    assert settings.client_secret == "s3cret"


@pytest.mark.parametrize("own", ["api_base", "base_url"])
@pytest.mark.parametrize("lent", ["api_base", "base_url"])
def test_both_names_of_the_address(build, own, lent):
    values = {"api_key": "k", lent: "https://lent.test/v1"}
    assert build({"litellm_credential_name": "c"}, values).api_base == "https://lent.test/v1"
    deployment = build({"litellm_credential_name": "c", own: "https://own.test/v1"}, values)
    assert deployment.api_base == "https://own.test/v1"


def test_the_model_that_a_name_hides(build):
    at = {"api_base": "http://v"}
    assert build(at).provider.settings.base_model is None
    assert build({**at, "base_model": "o3"}).provider.settings.base_model == "o3"
    row = {"model_name": "m", "litellm_params": {"model": "cloud/up", **at}, "model_info": {"base_model": "azure/o3"}}
    assert build({}, model_list=[row]).provider.settings.base_model == "azure/o3"


def test_the_id_does_not_depend_on_the_credential(build):
    row = {"litellm_credential_name": "c"}
    assert build(row, CREDENTIAL).id == build(row, {**CREDENTIAL, "api_key": "sk-new"}).id


def test_no_such_credential(build):
    with pytest.raises(ConfigError, match="no such credential"):
        build({"litellm_credential_name": "d"}, CREDENTIAL)


def test_a_credential_that_makes_no_sense_is_told_without_its_values(build):
    with pytest.raises(ConfigError) as raised:
        build({"litellm_credential_name": "c"}, {**CREDENTIAL, "timeout": "sk-soon"})
    assert "credential_values" in str(raised.value)
    assert "sk-" not in str(raised.value)


def test_places_to_leave_out(build):
    params = ["seed", "tools[*].input_examples", "metadata.a"]
    deployment = build({"api_base": "https://a.test", "additional_drop_params": params})
    assert deployment.dropped_params == {"seed"}
    assert deployment.dropped_places == (("tools", None, "input_examples"), ("metadata", "a"))


def test_a_path_that_is_none(build):
    with pytest.raises(ConfigError, match="is no path"):
        build({"api_base": "https://a.test", "additional_drop_params": ["tools[x]"]})


def test_the_provider_beside_the_model(build):
    deployment = build({"model": "my-model", "custom_llm_provider": "cloud", "api_base": "https://a.test"})
    assert (deployment.provider_name, deployment.model) == ("cloud", "my-model")
    deployment = build({"model": "cloud/my/model", "custom_llm_provider": "cloud", "api_base": "https://a.test"})
    assert deployment.model == "my/model"
    deployment = build({"model": "org/model", "custom_llm_provider": "cloud", "api_base": "https://a.test"})
    assert deployment.model == "org/model"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("o3-mini", "openai"),
        ("ft:gpt-4o-2024-08-06:me::id", "openai"),
        ("text-embedding-3-large", "openai"),
        ("dall-e-3", "openai"),
        ("whisper-1", "openai"),
        ("gpt-3.5-turbo-instruct", "text-completion-openai"),
        ("gpt-3.5-turbo", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("command-r-plus-08-2024", "cohere"),
        ("embed-english-v3.0", "cohere"),
        ("rerank-v3.5", "cohere"),
        ("gemini-2.5-flash", "vertex_ai"),
        ("text-embedding-005", "vertex_ai"),
        ("deepseek-chat", "deepseek"),
        ("mistral-large-latest", "mistral"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        ("us.amazon.nova-pro-v1:0", "bedrock"),
        ("eu.meta.llama3-2-1b-instruct-v1:0", "bedrock"),
        ("my-own-model", None),
        ("us.something", None),
        ("", None),
    ],
)
def test_well_known_names(model, provider):
    assert provider_of(model) == provider


def test_a_name_that_nobody_knows(build):
    with pytest.raises(ConfigError, match='"my-own-model" names no provider'):
        build({"model": "my-own-model"})
