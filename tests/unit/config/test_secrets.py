"""A canary in every place a secret may stand; no way of failing, or of printing, may show it."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tianji_core.config import ConfigError, Secret, Settings, load, load_mapping
from tianji_core.config.secrets import conceal, looks_secret

CANARY = "cAnArY4242"
ROW = "model_list:\n- model_name: a\n  litellm_params:\n    model: echo/a\n"

CONFIGS = {
    "all is well": f"""
        model_list:
        - model_name: a
          litellm_params:
            model: echo/a
            api_key: {CANARY}
            aws_secret_access_key: {CANARY}
            azure_ad_token: {CANARY}
            client_secret: {CANARY}
            vertex_credentials: {{private_key: {CANARY}, other: {CANARY}}}
            headers: {{x: {CANARY}}}
            extra_headers: {{Authorization: Bearer {CANARY}}}
            api_base: https://user:{CANARY}@host/v1
        general_settings: {{master_key: {CANARY}, database_url: "postgres://u:{CANARY}@h/d", qqqqq: sk-{CANARY}}}
        litellm_settings: {{generic_logger_headers: {{x: {CANARY}}}, cache_params: {{password: {CANARY}}}}}
        router_settings: {{redis_password: {CANARY}, redis_url: "redis://:{CANARY}@h"}}
        guardrails: [{{guardrail_name: g, litellm_params: {{guardrail: x, api_key: {CANARY}}}}}]
        credential_list: [{{credential_name: c, credential_values: {{api_key: {CANARY}, odd: {CANARY}}}}}]
        callback_settings: {{webhook: {{headers: {{x: {CANARY}}}, api_key: {CANARY}}}}}
        environment_variables: {{ANY: {CANARY}, PATH: {CANARY}, LD_PRELOAD: {CANARY}}}
        """,
    "list as key": ROW + f"    api_key: [{CANARY}]\n",
    "map as key": ROW + f"    api_key: {{a: {CANARY}}}\n",
    "key in a row that fails": f"model_list:\n- model_name: a\n  litellm_params:\n    api_key: {CANARY}\n",
    "key as master": f"general_settings: {{master_key: [{CANARY}]}}\n",
    "from a variable, wrong type": "router_settings: {num_retries: os.environ/SECRET}\n",
    "from a variable, in text": "router_settings: {num_retries: $SECRET}\n",
    "from a variable, wrong choice": "general_settings: {response_header_prefix: os.environ/SECRET}\n",
    "from a variable, in a block": "router_settings: os.environ/SECRET\n",
    "in the wrong place": f"router_settings: {{num_retries: {CANARY}, timeout: sk-{CANARY}}}\n",
    "as a whole block": f"general_settings: {CANARY}\n",
    "as a stage": f"guardrails: [{{guardrail_name: g, litellm_params: {{guardrail: x, mode: {CANARY}}}}}]\n",
    "as a row": f"model_list: [{CANARY}]\n",
    "as a fallback": f"router_settings: {{fallbacks: [{CANARY}]}}\n",
    "headers as text": ROW + f"    headers: {CANARY}\n",
    "credential values as text": f"credential_list: [{{credential_name: c, credential_values: {CANARY}}}]\n",
    "environment as text": f"environment_variables: {CANARY}\n",
    "environment as list": f"environment_variables: [{CANARY}]\n",
    "environment of maps": f"environment_variables: {{A: {{b: {CANARY}}}}}\n",
    "duplicate": f"general_settings:\n  master_key: {CANARY}\n  master_key: {CANARY}\n",
    "unclosed quote": f'general_settings:\n  master_key: "{CANARY}\n',
    "unclosed bracket": f"general_settings: {{master_key: {CANARY}\n",
    "bad indent": f"general_settings:\n  master_key: {CANARY}\n x: 1\n",
    "colon in it": f"general_settings:\n  master_key: {CANARY}: x\n",
    "tab": f"general_settings:\n\tmaster_key: {CANARY}\n",
    "tagged": f"general_settings: {{master_key: !x {CANARY}}}\n",
    "tagged as a number": f"general_settings: {{master_key: !!int {CANARY}}}\n",
    "whole file": f"{CANARY}\n",
    "not utf-8": f"master_key: {CANARY}\n".encode() + b"\xff",
    "NUL": f"master_key: {CANARY}\0".encode(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_secrets_are_never_shown(
    name: str, write: Callable[..., Path], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    path = write(CONFIGS[name])
    (path.parent / ".env").write_text(f"OTHER={CANARY}\nthis is {CANARY} no assignment\n")
    shown = []
    try:
        loaded = load(path, {"SECRET": CANARY})
        shown += [repr(loaded), repr(loaded.config), loaded.report.format(), repr(loaded.report), repr(loaded.environ)]
        shown += [loaded.config.model_dump_json()]
    except ConfigError as error:
        shown += [str(error), repr(error), repr(error.report), "".join(traceback.format_exception(error))]
        shown += [error.report.format(colour=True)]
    shown += [caplog.text, *capsys.readouterr()]
    assert not [text for text in shown if CANARY in text]


def test_code_gets_the_plain_text(write: Callable[..., Path]) -> None:
    loaded = load(write(CONFIGS["all is well"]), {})
    row = loaded.config.model_list[0].litellm_params
    assert row.api_key == CANARY
    assert f"{row.api_key}" == CANARY
    assert row.all_headers == {"x": CANARY, "Authorization": f"Bearer {CANARY}"}
    assert row.vendor_params["aws_secret_access_key"] == CANARY
    assert row.address == f"https://user:{CANARY}@host/v1"
    assert loaded.environ["ANY"] == CANARY


def test_a_secret_is_text() -> None:
    secret = Secret("x")
    assert isinstance(secret, str)
    assert secret == "x"
    assert repr(secret) == repr([secret])[1:-1] == "***"
    assert repr(pickle.loads(pickle.dumps(secret))) == "***"


@pytest.mark.parametrize(
    "name",
    ["api_key", "apikey", "master_key", "aws_secret_access_key", "aws_session_token", "password", "redis_password",
     "azure_ad_token", "client_secret", "Authorization", "headers", "extra_headers", "database_url", "redis_url",
     "vertex_credentials", "LANGFUSE_SECRET_KEY", "OPENAI_API_KEY", "private_key", "DD_API_KEY", "token"],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "model", "api_base", "tokens", "litellm_key_header_name", "litellm_credential_name", "timeout",
     "max_completion_tokens", "num_retries", "key_alias_pattern", "token_rate_limit_type", "keepalive_seconds"],
)  # fmt: skip
def test_other_names(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize("text", ["sk-abc", "Bearer x", "AKIA123", "ghp_1", "redis://:pw@h", "-----BEGIN PRIVATE KEY"])
def test_text_that_is_a_secret_by_its_looks(text: str) -> None:
    assert repr(conceal({"x": [text]})) == "{'x': [***]}"
    assert conceal("https://host/v1") == "https://host/v1"
    assert type(conceal("https://host/v1")) is str


def test_settings_hide_theirs() -> None:
    settings = Settings.read({"LITELLM_MASTER_KEY": CANARY, "DATABASE_URL": CANARY, "REDIS_PASSWORD": CANARY})
    assert CANARY not in repr(settings)
    with pytest.raises(ConfigError) as raised:
        Settings.read({"NUM_WORKERS": CANARY})
    assert CANARY not in str(raised.value)
    assert CANARY not in "".join(traceback.format_exception(raised.value))


def test_mappings_hide_theirs() -> None:
    with pytest.raises(ConfigError) as raised:
        load_mapping({"router_settings": {"num_retries": object(), "timeout": CANARY}}, environ={})
    assert "an object of type object" in str(raised.value)
    assert CANARY not in str(raised.value)
