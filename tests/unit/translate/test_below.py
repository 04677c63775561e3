"""Paths at bases whose end they may repeat."""

from __future__ import annotations

import pytest

from tianji_core.translate.urls import below


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://a.example/v1", "/v1/models", "https://a.example/v1/models"),
        ("https://a.example/v1", "/models", "https://a.example/v1/models"),
        ("https://a.example/v1/", "/v2/rank", "https://a.example/v2/rank"),
        ("https://a.example/openai/v1", "/openai/v1/x", "https://a.example/openai/v1/x"),
        ("https://a.example/openai/v1", "/v1/x", "https://a.example/openai/v1/x"),
        ("https://a.example/openai/v1", "/openai/x", "https://a.example/openai/v1/openai/x"),
        ("https://a.example", "/v1/x", "https://a.example/v1/x"),
        ("https://a.example", "/", "https://a.example/"),
        ("https://a.example/v1?x=1", "/v1/x", "https://a.example/v1/x"),
        ("https://v1", "/v1/x", "https://v1/v1/x"),
        ("https://a.example/team/v1", "/team/v1/x", "https://a.example/team/v1/x"),
        ("https://a.example/team/v1", "/other/v1/x", "https://a.example/team/v1/other/v1/x"),
        ("http://a.example/v1beta", "/v1/x", "http://a.example/v1/x"),
    ],
)
def test_below(base, path, url):
    assert below(base, path) == url
