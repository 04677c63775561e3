"""Header fields on their way to h11: the quick way takes what is plainly good and leaves the rest to h11."""

from __future__ import annotations

import h11
import pytest
from h11._headers import Headers, normalize_and_validate

from tianji_core.server.fields import are_plain
from tianji_core.server.hypercorn_quick import QuickConfig

GOOD = [
    [],
    [(b"content-type", b"application/json"), (b"content-length", b"12")],
    [(b"x-a", b""), (b"x-a", b"twice"), (b"llm_provider-x-request-id", b"req 1\xe9")],
]
LEFT_TO_H11 = [
    [(b"x-a", b"b\r\nset-cookie: c")],
    [(b"x-a", b"b\x00")],
    [(b"x a", b"b")],
    [(b"", b"b")],
    [(b"X-Upper", b"b")],
    [(b"x-a\r\nb", b"c")],
    [(b"content-length", b"1"), (b"content-length", b"2")],
    [(b"content-length", b"-1")],
    [(b"transfer-encoding", b"chunked")],
    [(b"connection", b"close")],
]


@pytest.mark.parametrize("fields", GOOD)
def test_good_fields_are_as_h11_would_have_them(fields):
    assert are_plain(fields)
    quick = Headers([(name, name, value) for name, value in fields])
    assert list(quick) == list(normalize_and_validate(fields))
    assert quick.raw_items() == normalize_and_validate(fields).raw_items()
    assert h11.Response(headers=quick, status_code=200).headers is quick


@pytest.mark.parametrize("fields", LEFT_TO_H11)
def test_what_is_odd_is_left_to_h11(fields):
    assert not are_plain(fields)
    assert not are_plain(fields)  # nor is it remembered as good


def test_the_date_is_the_right_one():
    config = QuickConfig()
    config.include_server_header = False
    ((name, value),) = config.response_headers("h11")
    assert name == b"date"
    assert value.endswith(b" GMT")
    assert config.response_headers("h11") is config.response_headers("h11")
    config.include_date_header = False
    assert config.response_headers("h11") == []
