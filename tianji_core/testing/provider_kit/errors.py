"""Standard tests of `parse_error`: the right class for every status, whatever the body holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tianji_core.api.errors import (
    ContentPolicyViolationError,
    ContextWindowExceededError,
    GatewayError,
    RateLimitError,
    error_class_for,
)
from tianji_core.api.http import Headers
from tianji_core.testing import openai_samples
from tianji_core.testing.provider_kit.kit import SECRET, ProviderKit

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
HTML = b"<!DOCTYPE html>\n<html><head><title>Oops</title></head><body><h1>nginx</h1></body></html>"
ODD_BODIES = (
    b"[]",
    b"null",
    b"true",
    b'"no"',
    b'{"error": null}',
    b'{"error": []}',
    b'{"error": {}}',
    b'{"error": {"message": null, "code": 7, "type": []}}',
    b'{"error": {"message": {"text": "deep"}, "param": {}}}',
    b'[{"error": {"message": "in a list"}}]',
    b'{"message": ["a", "list"], "detail": [{"loc": ["body"], "msg": "bad"}]}',
    b'{"error": {"message": "\\ud800 lone surrogate"}}',
    b'{"error": ' * 2000,
    b"\xef\xbb\xbf{}",
    b"\x00" * 64,
    b"x" * 100_000,
)


class ErrorTests(ProviderKit, kit=True):
    """What becomes of an answer outside 2xx."""

    @pytest.mark.parametrize("status", STATUSES)
    @pytest.mark.parametrize("kind", ["json", "html", "empty", "garbage"])
    def test_every_status_has_its_error(self, status: int, kind: str) -> None:
        body = {"html": HTML, "empty": b"", "garbage": b'\xff\xfe{"err\x00'}.get(kind)
        if body is None:
            body = self.error_body(status)
        content_type = "text/html" if kind == "html" else "application/json"
        error = self.provider().parse_error(status, Headers([("content-type", content_type)]), body)
        wanted = self.error_classes.get(status, error_class_for(status))
        assert isinstance(error, wanted), f"{status} became {type(error).__name__}, not {wanted.__name__}"
        self.assert_readable(error)

    @pytest.mark.parametrize("status", [400, 429, 500])
    def test_odd_bodies_raise_nothing(self, status: int) -> None:
        provider = self.provider()
        for body in ODD_BODIES:
            self.assert_readable(provider.parse_error(status, Headers(), body))

    def test_statuses_that_no_list_has(self) -> None:
        provider = self.provider()
        for status in (302, 418, 424, 451, 498, 499, 507, 520, 522, 599):
            self.assert_readable(provider.parse_error(status, Headers(), b""))

    @pytest.mark.parametrize(
        ("fields", "wanted"),
        [
            ({}, None),
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "-1"}, None),
            ({"retry-after": "inf"}, None),
        ],
        ids=lambda value: str(value),
    )
    def test_retry_after_is_read(self, fields: dict[str, str], wanted: float | None) -> None:
        error = self.provider().parse_error(429, Headers(fields.items()), self.error_body(429))
        assert isinstance(error, self.error_classes.get(429, RateLimitError))
        assert error.retry_after == wanted

    def test_retry_after_may_be_a_date(self) -> None:
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        error = self.provider().parse_error(429, Headers([("retry-after", when)]), self.error_body(429))
        assert error.retry_after == pytest.approx(90, abs=5)

    def test_a_prompt_too_long_is_told_apart(self) -> None:
        error = self.provider().parse_error(400, Headers(), self.error_body("context"))
        assert isinstance(error, ContextWindowExceededError)
        self.assert_readable(error)

    def test_a_prompt_refused_by_the_vendors_filter_is_told_apart(self) -> None:
        if not self.has_filter:
            return
        error = self.provider().parse_error(400, Headers(), self.error_body("policy"))
        assert isinstance(error, ContentPolicyViolationError)

    def assert_readable(self, error: GatewayError) -> None:
        """A person can read it, and learns nothing that is not his."""
        assert isinstance(error, GatewayError)
        assert isinstance(error.message, str)
        assert error.message.strip(), "the message is empty"
        assert len(error.message) <= 4000, "that is a page, not a message"
        assert "<html" not in error.message.lower(), "a page is not a message"
        error.message.encode("utf-8")
        for text in (error.message, str(error), repr(error)):
            assert SECRET not in text, "the key shows in an error"
        assert error.provider in (None, self.provider_class.name)

    def error_body(self, what: int | str) -> bytes:
        """The vendor's body for a status, or for "context" and "policy"."""
        path = self.sample_file(f"error.{what}") or (self.sample_file("error") if isinstance(what, int) else None)
        if path is not None:
            return path.read_bytes()
        if self.is_openai_shaped():
            return json.dumps(openai_samples.ERRORS["" if isinstance(what, int) else what]).encode()
        raise self.missing("error.json" if isinstance(what, int) else f"error.{what}.json", "the vendor's error body")
