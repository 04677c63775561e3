"""Keys that begin with litellm_ can be written with tianji_."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tianji_core.config import Loaded
from tianji_core.config.aliases import PREFIXED

Loads = Callable[..., Loaded]

TEXT = """\
model_list:
  - model_name: a
    litellm_params: {model: echo/a, litellm_credential_name: c}
litellm_settings: {drop_params: true}
general_settings:
  litellm_key_header_name: x-key
  litellm_jwtauth: {}
  user_header_mappings: [{header_name: x, litellm_user_role: customer}]
guardrails:
  - guardrail_name: g
    litellm_params: {guardrail: x, mode: pre_call}
credential_list: [{credential_name: c, credential_values: {api_key: x}}]
"""


def test_both_spellings_say_the_same(loads: Loads) -> None:
    theirs, ours = loads(TEXT), loads(TEXT.replace("litellm_", "tianji_"))
    assert ours.config == theirs.config
    assert ours.config.model_list[0].id == theirs.config.model_list[0].id
    assert ours.config.general_settings.litellm_key_header_name == "x-key"
    assert ours.config.general_settings.user_header_mappings == [{"header_name": "x", "litellm_user_role": "customer"}]
    assert [problem.key_path.replace("tianji_", "litellm_") for problem in ours.report] == [
        problem.key_path for problem in theirs.report
    ]


def test_messages_keep_the_spelling_of_the_file(loads: Loads) -> None:
    loaded = loads("tianji_settings:\n  log_raw_request_response: true\n")
    assert loaded.report.problems[0].key_path == "tianji_settings.log_raw_request_response"


def test_what_belongs_to_others_is_left_alone(loads: Loads) -> None:
    loaded = loads(
        """
        model_list:
          - model_name: a
            litellm_params: {model: echo/a, extra_body: {tianji_params: 1}, headers: {tianji_license: x}}
            model_info: {tianji_settings: 1}
        callback_settings: {webhook: {tianji_params: 1}}
        environment_variables: {tianji_license: x}
        """
    )
    row = loaded.config.model_list[0]
    assert row.litellm_params.extra_body == {"tianji_params": 1}
    assert row.litellm_params.headers == {"tianji_license": "x"}
    assert row.model_info.model_extra == {"tianji_settings": 1}
    assert loaded.config.callback_settings == {"webhook": {"tianji_params": 1}}
    assert loaded.exports == {"tianji_license": "x"}


def test_a_shared_anchor_is_renamed_everywhere(loads: Loads) -> None:
    loaded = loads(
        """\
        model_list:
          - &a {model_name: a, tianji_params: {model: echo/a, api_bse: x}}
          - *a
        """
    )
    assert [row.litellm_params.model for row in loaded.config.model_list] == ["echo/a", "echo/a"]
    assert [problem.key_path for problem in loaded.report] == [
        "model_list[0].tianji_params.api_bse",
        "model_list[1].tianji_params.api_bse",
    ]


def test_every_prefixed_key_of_the_schema_has_a_twin() -> None:
    from tianji_core.config.schema import Config, GeneralSettings, Guardrail, LitellmParams, LitellmSettings, keys_of

    models = (Config, GeneralSettings, Guardrail, LitellmParams, LitellmSettings)
    names = {name for model in models for name in (*keys_of(model), *model.rare) if name.startswith("litellm_")}
    assert names <= PREFIXED


@pytest.mark.parametrize("name", sorted(PREFIXED))
def test_prefixed_keys_begin_with_the_prefix(name: str) -> None:
    assert name.startswith("litellm_")
