"""The standard payload: every member there, filled from the record or null, and nothing in it that is secret."""

import copy
import json
from dataclasses import replace

import pytest

from tianji_core.api.call import Principal
from tianji_core.api.callback import CallbackSettings, GuardrailRun
from tianji_core.api.standard_payload import standard_payload
from tianji_core.testing.standard import odd_records, sample_record

SUCCESS, FAILURE, STREAM = map(sample_record, ("success", "failure", "stream"))

MEMBERS = """
    id trace_id session_id litellm_call_id call_type stream status status_fields error_str error_information
    total_tokens
    prompt_tokens completion_tokens response_cost cost_breakdown response_cost_failure_debug_info saved_cache_cost
    zero_cost_diagnostic startTime endTime completionStartTime response_time model model_id model_group
    custom_llm_provider api_base model_map_information model_parameters messages response cache_hit cache_key end_user
    requester_ip_address user_agent request_tags request_model_access_groups metadata hidden_params
    guardrail_information standard_built_in_tools_params
"""
CALLER = """
    hash alias spend max_budget budget_reset_at user_id user_email user_spend team_id team_alias team_spend org_id
    org_alias project_id project_alias end_user_id request_route auth_metadata
"""


def test_every_member_of_the_reference_is_there_in_every_payload():
    for record in (SUCCESS, FAILURE, STREAM, *odd_records()):
        payload = standard_payload(record)
        assert set(payload) == set(MEMBERS.split()) | {"attempts", "fallbacks"}
        assert {f"user_api_key_{name}" for name in CALLER.split()} < set(payload["metadata"])


def test_a_success():
    payload = standard_payload(SUCCESS)
    expected = {
        "id": "call-success", "litellm_call_id": "call-success", "trace_id": "trace-1", "call_type": "acompletion",
        "status": "success", "stream": False, "error_str": None, "error_information": None,
        "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "response_cost": None,
        "model": "vendor-model", "model_group": "gpt-sample", "model_id": "d-1", "custom_llm_provider": "echo",
        "api_base": "https://api.example.test/v1", "response_time": 1.5, "completionStartTime": 1_700_000_001.5,
        "messages": SUCCESS.request["messages"], "response": SUCCESS.response, "model_parameters": {"temperature": 0.5},
        "end_user": "end-user-1", "requester_ip_address": "192.0.2.7", "user_agent": "kit/1",
        "request_tags": ["a", "b"],
        "status_fields": {"llm_api_status": "success", "guardrail_status": "success"}, "cache_hit": None,
    }  # fmt: skip
    assert {name: payload[name] for name in expected} == expected
    assert payload["metadata"]["user_api_key_hash"] == "ab" * 32
    assert payload["metadata"]["requester_metadata"] == {"trace_id": "trace-1", "nested": {"list": [1, None, True]}}
    assert payload["attempts"][0]["status"] == 200
    json.dumps(payload)


def test_a_failure():
    payload = standard_payload(FAILURE)
    assert payload["status"] == "failure"
    assert payload["error_str"] == "The vendor is overloaded"
    assert payload["error_information"]["error_code"] == "503"
    assert payload["error_information"]["error_class"] == "ServiceUnavailableError"
    assert payload["error_information"]["llm_provider"] == "echo"
    assert (payload["prompt_tokens"], payload["completion_tokens"], payload["total_tokens"]) == (None, None, None)
    assert payload["fallbacks"] == 1
    assert [attempt["status"] for attempt in payload["attempts"]] == [503, None]


def test_the_response_time_of_a_stream_ends_with_its_first_chunk():
    payload = standard_payload(STREAM)
    assert payload["completionStartTime"] == STREAM.first_chunk_at
    assert payload["response_time"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 5, "total_tokens": 5}, (5, 0, 5)),
        ({"prompt_tokens": 5, "completion_tokens": 2}, (5, 2, 7)),
        ({}, (0, 0, 0)),
        ({"prompt_tokens": None, "completion_tokens": "2", "total_tokens": True}, (0, 0, 0)),
        (None, (None, None, None)),
    ],
)
def test_tokens(usage, counts):
    payload = standard_payload(replace(SUCCESS, usage=usage))
    assert (payload["prompt_tokens"], payload["completion_tokens"], payload["total_tokens"]) == counts


@pytest.mark.parametrize(
    ("operation", "dialect", "call_type"),
    [
        ("chat", "openai", "acompletion"),
        ("completions", "openai", "atext_completion"),
        ("embeddings", "openai", "aembedding"),
        ("chat", "messages", "anthropic_messages"),
        ("chat", "responses", "aresponses"),
    ],
)
def test_call_types_are_the_references(operation, dialect, call_type):
    assert standard_payload(replace(SUCCESS, operation=operation, dialect=dialect))["call_type"] == call_type


@pytest.mark.parametrize("body", [{"messages": [1]}, {"prompt": "p"}, {"input": ["a"]}])
def test_what_was_asked_is_under_messages_whatever_the_operation(body):
    assert standard_payload(replace(SUCCESS, request=body))["messages"] == next(iter(body.values()))


def test_a_redacted_record_has_no_content():
    payload = standard_payload(replace(SUCCESS, request=None, response=None))
    assert (payload["messages"], payload["response"], payload["model_parameters"]) == (None, None, None)


def test_only_known_parameters_are_logged():
    body = {"messages": [], "max_tokens": 5, "api_key": "sk-secret", "extra_headers": {"a": "sk-secret"}, "odd": 1}
    payload = standard_payload(replace(SUCCESS, request=body))
    assert payload["model_parameters"] == {"max_tokens": 5}
    assert "sk-secret" not in json.dumps(payload)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@a.example/v1?key=secret#secret", "https://a.example/v1"),
        ("https://a.example:8443/v1?key=secret", "https://a.example:8443/v1"),
        ("https://[broken@/?secret", None),
        (None, None),
    ],
)
def test_credentials_in_a_base_url_are_left_out(url, shown):
    payload = standard_payload(replace(SUCCESS, api_base=url))
    assert payload["api_base"] == payload["hidden_params"]["api_base"] == shown


def test_a_keys_own_callback_credentials_are_left_out():
    metadata = {"logging": [{"callback_vars": {"langfuse_secret_key": "secret"}}], "callback_settings": 1, "team": "a"}
    payload = standard_payload(replace(SUCCESS, principal=Principal(metadata=metadata)))
    assert payload["metadata"]["user_api_key_auth_metadata"] == {"team": "a"}


def test_guardrails():
    masked = GuardrailRun("g", "presidio", "post_call", "guardrail_intervened", 10.0, 0.5, {"EMAIL": 2})
    lost = GuardrailRun("h", "generic", "pre_call", "guardrail_failed_to_respond", 10.0, 0.5, {}, "Unreachable")
    payload = standard_payload(replace(SUCCESS, guardrail_runs=(lost, masked)))
    assert payload["status_fields"]["guardrail_status"] == "guardrail_intervened"
    assert payload["guardrail_information"] == [
        {
            "guardrail_name": "h",
            "guardrail_provider": "generic",
            "guardrail_mode": "pre_call",
            "guardrail_status": "guardrail_failed_to_respond",
            "guardrail_response": "Unreachable",
            "masked_entity_count": None,
            "start_time": 10.0,
            "end_time": 10.5,
            "duration": 0.5,
        },
        {
            "guardrail_name": "g",
            "guardrail_provider": "presidio",
            "guardrail_mode": "post_call",
            "guardrail_status": "guardrail_intervened",
            "guardrail_response": {"EMAIL": 2},
            "masked_entity_count": {"EMAIL": 2},
            "start_time": 10.0,
            "end_time": 10.5,
            "duration": 0.5,
        },
    ]
    nothing = standard_payload(replace(SUCCESS, guardrails=(), guardrail_runs=()))
    assert nothing["status_fields"]["guardrail_status"] == "not_run"
    assert nothing["guardrail_information"] == []


def test_the_record_is_not_changed_and_trace_ids_of_other_types_are_not_taken():
    record = replace(SUCCESS, metadata={"trace_id": 5, "session_id": "s-1", "spend_logs_metadata": {"a": 1}})
    before = copy.deepcopy(record)
    payload = standard_payload(record)
    payload["metadata"]["requester_metadata"]["new"] = 1
    payload["request_tags"].append("new")
    assert record == before
    assert (payload["trace_id"], payload["session_id"]) == (record.id, "s-1")
    assert payload["metadata"]["spend_logs_metadata"] == {"a": 1}


def test_callback_settings_read_the_environment_and_do_not_show_it():
    settings = CallbackSettings(environ={"A": "", "B": "secret", "C": "other"})
    assert settings.env("X", "A", "B", "C") == "secret"
    assert settings.env("X", "A") is None
    assert settings.env() is None
    assert "secret" not in repr(settings)
    assert settings.model_dump() == {}
