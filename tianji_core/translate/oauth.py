"""Access tokens from a token endpoint (RFC 6749): one form is posted, a token comes back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from tianji_core.api.errors import AuthenticationError, BadGatewayError, error_class_for
from tianji_core.api.http import Network, UpstreamRequest
from tianji_core.api.tokens import Token

USUAL_LIFE = 600.0
"""Seconds that a token is taken to be good for if the endpoint does not say."""


async def fetch_token(
    network: Network, url: str, form: Mapping[str, str], *, basic: tuple[str, str] | None = None
) -> Token:
    """Post the form, with a client's id and secret as `basic` credentials if the endpoint wants them there.

    Raises AuthenticationError if the credential is refused, and what `Network.fetch` raises. Messages tell the
    endpoint's own words, never the credential.
    """
    headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if basic is not None:
        headers.append(("authorization", basic_credentials(*basic)))
    reply = await network.fetch(UpstreamRequest("POST", url, headers, urlencode(form).encode()), timeout=30.0)
    answer = _object(reply.body)
    if reply.status >= 400:
        cls = AuthenticationError if reply.status < 500 and reply.status != 429 else error_class_for(reply.status)
        raise cls(f"The provider's token endpoint answered with status {reply.status}{_reason(answer, form, basic)}.")
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise BadGatewayError("The provider's token endpoint gave no access token.")
    return Token(token, _seconds(answer.get("expires_in")))


def basic_credentials(user: str, password: str) -> str:
    """The value of an `authorization` header field (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _reason(answer: dict[str, Any], form: Mapping[str, str], basic: tuple[str, str] | None) -> str:
    """What the endpoint says about it, unless that repeats what it was sent."""
    texts = [answer.get(name) for name in ("error_description", "errorMessage", "error")]
    text = next((text for text in texts if isinstance(text, str) and text), None)
    sent = [*form.values(), *(() if basic is None else basic)]
    if text is None or any(value in text for value in sent if len(value) > 8):
        return ""
    return f": {text[:300].rstrip('.')}"


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return USUAL_LIFE
    return seconds if 0 < seconds < 1e9 else USUAL_LIFE
