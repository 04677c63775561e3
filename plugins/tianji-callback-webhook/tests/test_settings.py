"""What the settings, the environment and a record become before anything is sent."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from tianji_callback_webhook import NAMES, Webhook, WebhookSettings, tianji_register_callbacks
from tianji_callback_webhook.settings import headers_of
from tianji_core.api.standard_json import standard_json
from tianji_core.testing.standard import odd_records, sample_record

SUCCESS = sample_record("success")


@pytest.mark.parametrize("record", odd_records(), ids=lambda record: record.id)
def test_every_record_becomes_one_line_of_json(record):
    line = standard_json(record)
    assert b"\n" not in line
    assert json.loads(line)["id"] == record.id


def test_what_json_cannot_say_is_replaced():
    record = replace(SUCCESS, metadata={"nan": float("nan"), "set": {1}, "object": object(), 7: "number"})
    assert json.loads(standard_json(record))["metadata"]["requester_metadata"] == {
        "nan": None, "set": [1], "object": "<object>", "7": "number",
    }  # fmt: skip


def test_the_endpoint_and_headers_come_from_the_environment_where_the_config_is_silent():
    environ = {"GENERIC_LOGGER_ENDPOINT": "https://a.example/x", "GENERIC_LOGGER_HEADERS": "A=1, B=x=y ,"}
    settings = WebhookSettings(environ=environ)
    assert headers_of(settings) == {"A": "1", "B": "x=y", "Content-Type": "application/json"}
    Webhook(settings)
    assert "A" not in headers_of(WebhookSettings(environ=environ, headers={"C": "2"}))


def test_no_setting_shows_its_secrets():
    settings = WebhookSettings(
        endpoint="https://a.example/tok-1", headers={"A": "tok-2"}, environ={"GENERIC_LOGGER_HEADERS": "A=tok-3"}
    )
    assert "tok-" not in repr(settings)
    assert "environ" not in settings.model_dump()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "GENERIC_LOGGER_ENDPOINT"),
        ({"endpoint": "ftp://tok-1"}, "http://"),
        ({"endpoint": "tok-1"}, "http://"),
        ({"endpoint": "http://a b/tok-1"}, "http://"),
        ({"endpoint": "http://a", "headers": {"A": "tok-1\r\nB: c"}}, "header A"),
        ({"endpoint": "http://a", "headers": {"A b": "tok-1"}}, "header name"),
        ({"endpoint": "http://a", "environ": {"GENERIC_LOGGER_HEADERS": "A=1,tok-1"}}, "item 2"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        Webhook(WebhookSettings(**wrong))
    assert "tok-1" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"log_format": "xml"}, {"event_types": ["all"]}, {"batch_size": 0}, {"url": "x"}])
def test_settings_of_the_wrong_kind_are_refused(wrong):
    with pytest.raises(ValidationError):
        WebhookSettings(endpoint="http://a.example", **wrong)


def test_it_registers_under_the_name_that_configs_use():
    seen = []
    tianji_register_callbacks(lambda name, factory, settings=None: seen.append((name, factory, settings)))
    assert seen == [(name, Webhook, WebhookSettings) for name in NAMES]
    assert NAMES == ("generic_api", "webhook")
    assert Webhook.wants_content
