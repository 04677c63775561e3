"""Logs: to standard error, at a level, and without what nobody should read."""

from __future__ import annotations

import io
import json
import logging
import sys
import time

import pytest

from tianji_core.telemetry import configure_logging, get_logger
from tianji_core.telemetry.logs import CALL_ID, level, set_level
from tianji_core.telemetry.redaction import REDACTOR, Redactor, secrets_in, secrets_of_environ


def test_levels_and_fields(capsys):
    configure_logging("warning", json=False)
    log = get_logger("test")
    log.info("quiet")
    log.warning("loud", call_id="c1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "quiet" not in err
    assert "loud" in err
    assert "call_id=c1" in err


@pytest.mark.parametrize("json_lines", [False, True])
def test_tracebacks_hold_no_values(capsys, json_lines):
    configure_logging("INFO", json=json_lines)

    def fail(api_key):
        raise ValueError("broken")

    try:
        fail("-".join(["sk", "very", "secret", "value"]))
    except ValueError:
        get_logger("test").exception("failed")
    err = capsys.readouterr().err
    assert "ValueError: broken" in err
    assert "sk-very-secret-value" not in err
    assert "locals" not in err


def test_json_lines(capsys):
    configure_logging("INFO", json=True)
    get_logger("test").warning("one", number=5)
    logging.getLogger("uvicorn.error").warning("two %s", "words")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["event"] == "one"
    assert lines[0]["number"] == 5
    assert lines[0]["level"] == "warning"
    assert lines[1]["event"] == "two words"


def test_an_unknown_level_is_info(capsys):
    configure_logging("nonsense")
    get_logger("test").debug("hidden")
    get_logger("test").info("shown")
    err = capsys.readouterr().err
    assert "shown" in err
    assert "hidden" not in err


def test_json_off_a_terminal_and_readable_lines_on_one(monkeypatch):
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("INFO")
        get_logger("test").warning("one")
        assert stream.getvalue().startswith("{") is not terminal


def test_the_call_is_in_every_line(capsys):
    configure_logging("INFO", json=True)
    token = CALL_ID.set("call-7")
    try:
        get_logger("test").warning("ours")
        logging.getLogger("some.library").warning("theirs")
        get_logger("test").warning("told", call_id="another")
    finally:
        CALL_ID.reset(token)
    get_logger("test").warning("none")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("call_id") for line in lines] == ["call-7", "call-7", "another", None]


def test_the_level_changes_while_it_runs(capsys):
    configure_logging("INFO", json=True)
    log = get_logger("test")
    log.debug("first")
    set_level("debug")
    assert level() == "DEBUG"
    log.debug("second")
    set_level("ERROR")
    log.warning("third")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["second"]


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [Broken(), io.StringIO()])
def test_nobody_fails_for_a_log_that_cannot_be_written(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging("INFO", json=True)
    stream.close()
    get_logger("test").warning("lost")
    logging.getLogger("some.library").error("lost too")


KNOWN = "correct-horse-battery-9"


@pytest.mark.parametrize(
    "text",
    [
        KNOWN,
        f"before{KNOWN}after",
        json.dumps({"a": 'with "quotes" ' + KNOWN}),
        "sk-abcdefgh12345678",
        "Authorization: Bearer abcdefgh.12345678",
        "authorization=Basic dXNlcjpwYXNzd29yZA==",
        "postgresql://user:hunter22@db/x",
        "redis://:hunter22@redis:6379",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA-1234567890abcdefghijklmnopqrstuv",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "{'api_key': 'plainlooking1'}",
        '"password": "hunter2222"',
        "x-api-key: abcdef123456",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_go(text):
    redactor = Redactor()
    redactor.learn([KNOWN])
    cleaned = redactor.clean(text)
    assert "***" in cleaned
    for secret in (
        KNOWN,
        "abcdefgh",
        "hunter22",
        "dXNl",
        "IOSFODNN",
        "SyA-",
        "c2lnbm",
        "plainlooking",
        "abcdef1",
        "MIIE",
    ):
        assert secret not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "callback failed callback=otel reason='status 503' failed=512",
        "total_tokens=123456789 prompt_tokens=100",
        "https://api.openai.com/v1/chat/completions answered 500",
        "call_id=7cfa8a1f-f473-49a3-aea2-2c5e4578bc14",
        "the key was refused",
        "model=openai/gpt-4o-mini key_alias=team-a",
        "Traceback (most recent call last):",
    ],
)
def test_what_is_no_secret_stays(text):
    assert Redactor().clean(text) == text


def test_where_secrets_are_found():
    data = {
        "model_list": [{"litellm_params": {"api_key": "a-secret-of-the-row", "model": "openai/gpt-4o"}}],
        "callback_settings": {"webhook": {"headers": {"x-team": "a-secret-field"}}},
        "general_settings": {"master_key": "a-master-secret", "database_url": "postgresql://u:pw-12345@h/d"},
    }
    assert set(secrets_in(data)) == {
        "a-secret-of-the-row",
        "a-secret-field",
        "a-master-secret",
        "postgresql://u:pw-12345@h/d",
    }
    assert secrets_of_environ({"OPENAI_API_KEY": "one", "HOME": "two"}) == ["one"]


def test_words_and_short_texts_are_no_secrets():
    redactor = Redactor()
    redactor.learn(["production", "true", "12345678", "short1"])
    assert redactor.clean("production true 12345678 short1") == "production true 12345678 short1"


def test_many_secrets_and_a_long_line_take_no_time():
    redactor = Redactor()
    redactor.learn(f"secret-number-{n}-of-many" for n in range(5_000))
    line = "x" * 100_000 + " secret-number-4999-of-many"
    begun = time.perf_counter()
    assert "secret-number" not in redactor.clean(line)
    assert time.perf_counter() - begun < 5.0


def test_lines_are_clean(capsys):
    REDACTOR.learn([KNOWN])
    configure_logging("INFO", json=True)
    try:
        raise ValueError(f"refused: {KNOWN}")
    except ValueError:
        get_logger("test").exception("failed", field=KNOWN)
        logging.getLogger("some.library").exception("failed with %s", KNOWN)
    err = capsys.readouterr().err
    assert err.count("***") >= 4
    assert KNOWN not in err


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    REDACTOR._known.clear()
    configure_logging("INFO", json=False)
