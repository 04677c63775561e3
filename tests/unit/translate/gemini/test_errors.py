"""Google's errors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from tianji_core.api.http import Headers
from tianji_core.translate.gemini.errors import parse_error, stream_error


def error(status: int, message: str, word: str = "INVALID_ARGUMENT", *details: Any, **fields: str) -> Any:
    body = orjson.dumps({"error": {"code": status, "message": message, "status": word, "details": list(details)}})
    return parse_error(status, Headers(fields.items()), body, "gemini")


@pytest.mark.parametrize(
    ("status", "message", "wanted"),
    [
        (400, "Invalid value at 'temperature'", BadRequestError),
        (
            400,
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ContextWindowExceededError,
        ),
        (400, "Request payload size exceeds the limit: 20971520 bytes.", ContextWindowExceededError),
        (400, "The response was blocked.", ContentPolicyViolationError),
        (400, "API key not valid. Please pass a valid API key.", AuthenticationError),
        (403, "Permission denied on resource project.", PermissionDeniedError),
        (429, "You exceeded your current quota.", RateLimitError),
        (500, "An internal error has occurred.", InternalServerError),
        (503, "The model is overloaded.", ServiceUnavailableError),
        (504, "Deadline expired.", RequestTimeoutError),
        (302, "Moved.", BadGatewayError),
    ],
)
def test_classes(status: int, message: str, wanted: Any) -> None:
    found = error(status, message, "X")
    assert type(found) is wanted
    assert found.message == message
    assert found.code == "X"


def test_a_bad_key_is_401_although_google_says_400() -> None:
    assert error(400, "API key not valid. Please pass a valid API key.").http_status == 401


@pytest.mark.parametrize(
    ("delay", "header", "wanted"),
    [
        ("17s", None, 17.0),
        ("0.5s", None, 0.5),
        ("17s", "3", 3.0),
        ("soon", None, None),
        ("", None, None),
        (5, None, None),
    ],
)
def test_when_to_try_again(delay: Any, header: str | None, wanted: float | None) -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    fields = {"retry-after": header} if header else {}
    assert error(429, "Slow down.", "RESOURCE_EXHAUSTED", {"@type": "other"}, info, **fields).retry_after == wanted


def test_errors_come_in_arrays_too() -> None:
    body = orjson.dumps([{"error": {"code": 429, "message": "Slow down."}}])
    assert parse_error(429, Headers(), body, "gemini").message == "Slow down."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"<html>no</html>", "The provider answered with status 502 and no readable message."),
        (b'{"error": "text"}', "text"),
        (b'{"error": {"message": 5}}', "The provider answered with status 502 and no readable message."),
    ],
)
def test_bodies_of_other_kinds(body: bytes, message: str) -> None:
    assert parse_error(502, Headers(), body, "gemini").message == message


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"code": 503}, 503),
        ({"status": "RESOURCE_EXHAUSTED"}, 429),
        ({"code": 7, "status": "NOT_FOUND"}, 404),
        ({}, 500),
    ],
)
def test_errors_in_streams_have_the_status_of_their_code(fields: Any, status: int) -> None:
    assert stream_error(fields, "gemini").http_status == status
