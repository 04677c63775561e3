"""Errors in the two dialects."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import GuardrailBlockedError, RateLimitError
from tianji_core.server.errors import error_body, error_event
from tianji_core.wire import anthropic, openai


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_anthropics(status, kind):
    assert anthropic.error_body("no", status) == {"type": "error", "error": {"type": kind, "message": "no"}}


def test_openais():
    assert openai.error_body("no", "t", None, "400") == {
        "error": {"message": "no", "type": "t", "param": None, "code": "400"}
    }
    assert openai.error_body("no", "t", "p", "400", {"a": 1})["error"]["provider_specific_fields"] == {"a": 1}


def test_from_the_tree():
    assert error_body(RateLimitError("slow"))["error"] == {
        "message": "slow",
        "type": "throttling_error",
        "param": None,
        "code": "429",
    }
    assert error_body(RateLimitError("slow"), "messages")["error"]["type"] == "rate_limit_error"
    assert error_body(GuardrailBlockedError("no", detail={"g": 1}))["error"]["provider_specific_fields"] == {"g": 1}
    event = error_event(RateLimitError("two\nlines"))
    assert event.startswith(b"data: {")
    assert event.count(b"\n") == 2
    assert json.loads(event[6:])["error"]["message"] == "two\nlines"
    assert error_event(RateLimitError("x"), "messages").startswith(b"event: error\ndata: {")
