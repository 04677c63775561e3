"""From a vendor's error answer to the tree, by table."""

from __future__ import annotations

import json
import math

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServiceUnavailableError,
    UnprocessableEntityError,
)
from tianji_core.api.http import Headers
from tianji_core.openai_compat import classify, parse_retry_after
from tianji_core.openai_compat.errors import parse_error

TABLE = [
    (400, "Bad.", None, BadRequestError),
    (401, "Bad.", None, AuthenticationError),
    (403, "Bad.", None, PermissionDeniedError),
    (404, "Bad.", None, NotFoundError),
    (408, "Bad.", None, RequestTimeoutError),
    (409, "Bad.", None, ConflictError),
    (413, "Bad.", None, RequestTooLargeError),
    (418, "Bad.", None, BadRequestError),
    (422, "Bad.", None, UnprocessableEntityError),
    (429, "Bad.", None, RateLimitError),
    (500, "Bad.", None, InternalServerError),
    (503, "Bad.", None, ServiceUnavailableError),
    (504, "Bad.", None, RequestTimeoutError),
    (522, "Bad.", None, RequestTimeoutError),
    (529, "Bad.", None, OverloadedError),
    (599, "Bad.", None, InternalServerError),
    (400, "x", "context_length_exceeded", ContextWindowExceededError),
    (400, "This model's maximum context length is 8192 tokens.", None, ContextWindowExceededError),
    (400, "THIS MODEL'S MAXIMUM CONTEXT LENGTH IS 8192", None, ContextWindowExceededError),
    (413, "Input tokens exceed the configured limit of 5", None, ContextWindowExceededError),
    (400, "String too long. Expected a string with maximum length 5", None, ContextWindowExceededError),
    (400, "Invalid 'user': string too long. Expected a string with maximum length 64", None, BadRequestError),
    (400, "x", "content_policy_violation", ContentPolicyViolationError),
    (400, "x", "content_filter", ContentPolicyViolationError),
    (400, "Your request was rejected as a result of the safety system.", None, ContentPolicyViolationError),
    (400, "Invalid prompt: it is violating our usage policy.", None, ContentPolicyViolationError),
    (400, "prompt is too long: 9 tokens > 8 maximum", None, ContextWindowExceededError),
    (400, "The prompt (length 100) is longer than the maximum model length of 32.", None, ContextWindowExceededError),
    (400, "Your request exceeded model token limit: 8192", None, ContextWindowExceededError),
    (400, "Please reduce it. Current length is 9001 while limit is 8192", None, ContextWindowExceededError),
    (400, "Maximum input length is 512 tokens", None, ContextWindowExceededError),
    (
        400,
        "This model's maximum prompt length is 8 but the request contains 9 tokens.",
        None,
        ContextWindowExceededError,
    ),
    (422, "`inputs` tokens + `max_new_tokens` must be <= 8193", None, ContextWindowExceededError),
    (400, "Content Exists Risk", None, ContentPolicyViolationError),
    (403, "Content violates usage guidelines. Failed check: X", None, ContentPolicyViolationError),
    (400, "Incorrect API key provided: sk-x.", None, AuthenticationError),
    (413, "Request too large for m on tokens per min (TPM)", None, RateLimitError),
    (500, "This model's maximum context length is 8192 tokens.", None, InternalServerError),
    (429, "content_policy_violation", "content_filter", RateLimitError),
]


@pytest.mark.parametrize(("status", "message", "code", "kind"), TABLE)
def test_classify(status, message, code, kind):
    error = classify(status, message, code=code, kind="its_type", param="its_param")
    assert type(error) is kind
    if kind in (BadRequestError, UnprocessableEntityError):
        assert (error.error_type, error.param) == ("its_type", "its_param")
        assert error.http_status == status
    else:
        assert error.error_type == kind.type
        assert error.param is None


def test_a_filter_that_tells_itself_by_its_type():
    error = classify(400, "High risk.", kind="content_filter")
    assert type(error) is ContentPolicyViolationError


def test_what_azures_filter_found():
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
    fields = {"message": "No.", "code": "BadRequest", "innererror": inner}
    error = parse_error(400, Headers(), json.dumps({"error": fields}).encode(), "p")
    assert isinstance(error, ContentPolicyViolationError)
    assert error.detail == {"innererror": inner, "inner_error": inner, "azure_error": fields}
    other = parse_error(400, Headers(), b'{"error": {"message": "No.", "innererror": {"code": 7}}}', "p")
    assert not isinstance(other, ContentPolicyViolationError)


def test_a_prompt_too_long_that_is_called_unprocessable():
    assert isinstance(classify(422, "Prompt has too many tokens: 9"), ContextWindowExceededError)


def test_codes_under_another_name():
    assert parse_error(400, Headers(), b'{"error_code": "BAD_REQUEST", "message": "m"}', "p").code == "BAD_REQUEST"


def test_messages_are_cut():
    assert len(classify(400, "x" * 100_000).message) == 2000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "m"}}, "m"),
        ({"error": "m"}, "m"),
        ({"message": "m"}, "m"),
        ({"detail": "m"}, "m"),
        ({"error": {"detail": "m"}}, "m"),
        ([{"error": {"message": "m"}}], "m"),
        ({"error": {"message": None}, "message": "m"}, "m"),
        ({"detail": [{"loc": ["a"], "msg": "bad"}]}, '[{"loc":["a"],"msg":"bad"}]'),
        ({"error": {"message": {"a": 1}}}, '{"a":1}'),
        ({"error": {"message": 5}}, "5"),
        ({"errors": [{"code": "c", "message": "m"}], "trace": "t"}, "m"),
        ({"errors": [], "message": "m"}, "m"),
        ({"error_code": "BAD_REQUEST", "message": "m"}, "m"),
    ],
)
def test_bodies(body, message):
    assert parse_error(400, Headers(), json.dumps(body).encode(), "p").message == message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"x"',
        b"{}",
        b"<html>",
        b"\xff\xfe",
        b"\x00" * 50,
        b"a\nb",
        b"x" * 10_000,
        b'{"error": []}',
        b'{"error": 5}',
        b'{"error": null}',
        b'{"error": {}}',
        b"[[]]",
        b"[" * 2000,
        b'{"error":{"message":' + b"[" * 300 + b"]" * 300 + b"}}",
    ],
)
@pytest.mark.parametrize("status", [100, 302, 400, 418, 500, 999])
def test_no_body_is_too_odd(body, status):
    error = parse_error(status, Headers(), body, "p")
    assert error.message
    assert error.provider == "p"
    assert "<" not in error.message


def test_plain_text_is_shown():
    assert parse_error(503, Headers(), b"upstream down", "p").message == "upstream down"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT"}, 10),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:50 GMT"}, 0),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:10 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999 07:28:10 GMT"}, None),
    ],
)
def test_retry_after(fields, seconds):
    found = parse_retry_after(Headers(fields.items()), now=1445412480.0)
    assert found == seconds
    assert found is None or math.isfinite(found)
