"""Who is billed, and what the filter says."""

from __future__ import annotations

import json

import pytest

from tianji_core.api.errors import ContentPolicyViolationError, RateLimitError
from tianji_core.api.http import Headers
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_provider_github import GitHub


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"organization": "acme"}, "https://models.github.ai/orgs/acme/inference/chat/completions"),
        ({"organization": "a/b"}, "https://models.github.ai/orgs/a%2Fb/inference/chat/completions"),
        ({"organization": "acme", "api_base": "https://v.test"}, "https://v.test/chat/completions"),
    ],
)
def test_an_organization_is_billed(settings: dict[str, str], url: str) -> None:
    request = ModelRequest("chat", "m", {"model": "m", "messages": []})
    assert GitHub(ProviderSettings(api_key="k", **settings)).build_request(request).url == url


def test_another_version_of_the_api() -> None:
    provider = GitHub(ProviderSettings(api_key="k", extra_headers={"X-GitHub-Api-Version": "2026-01-01"}))
    assert [value for name, value in provider.headers() if name == "x-github-api-version"] == ["2026-01-01"]


def test_errors() -> None:
    provider = GitHub(ProviderSettings(api_key="k"))
    inner = {"code": "ResponsibleAIPolicyViolation"}
    body = {"error": {"code": "content_filter", "message": "No.", "innererror": inner}}
    assert isinstance(provider.parse_error(400, Headers(), json.dumps(body).encode()), ContentPolicyViolationError)
    body = {"error": {"code": "RateLimitReached", "message": "UserByModelByMinute", "details": "…"}}
    assert isinstance(provider.parse_error(429, Headers(), json.dumps(body).encode()), RateLimitError)
