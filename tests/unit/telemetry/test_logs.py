"""Logs: to standard error, at a level, and without what nobody should read."""

from __future__ import annotations

import json
import logging

import pytest

from tianji_core.telemetry import configure_logging, get_logger


def test_levels_and_fields(capsys):
    configure_logging("warning")
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
