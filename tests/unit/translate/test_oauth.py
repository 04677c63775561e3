"""Tokens from a token endpoint."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.api.errors import AuthenticationError, BadGatewayError, InternalServerError, RateLimitError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.translate.oauth import USUAL_LIFE, fetch_token

SECRET = "s3cret-of-a-client"


class FakeNetwork:
    """Gives one answer, and remembers what it was asked."""

    def __init__(self, status, body):
        self.reply = UpstreamReply(status, Headers(), body if isinstance(body, bytes) else json.dumps(body).encode())
        self.requests = []

    async def fetch(self, request, *, timeout=60.0, limit=0):
        self.requests.append(request)
        return self.reply


def fetch(status, body, **named):
    network = FakeNetwork(status, body)
    form = {"grant_type": "client_credentials", "scope": "all apis"}
    return network, asyncio.run(fetch_token(network, "https://id.test/token", form, **named))


def test_a_token():
    network, token = fetch(200, {"access_token": "t", "expires_in": 3600}, basic=("me", SECRET))
    assert token == ("t", 3600.0)
    (request,) = network.requests
    assert (request.method, request.url) == ("POST", "https://id.test/token")
    assert request.body == b"grant_type=client_credentials&scope=all+apis"
    assert dict(request.headers)["authorization"] == "Basic bWU6czNjcmV0LW9mLWEtY2xpZW50"
    assert dict(request.headers)["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("life", [None, "soon", -1, 0, []])
def test_a_life_that_makes_no_sense(life):
    body = {"access_token": "t"} if life is None else json.dumps({"access_token": "t", "expires_in": life}).encode()
    assert fetch(200, body)[1].expires_in == USUAL_LIFE


def test_a_life_in_a_string():
    assert fetch(200, {"access_token": "t", "expires_in": "60"})[1].expires_in == 60


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (400, {"error": "invalid_client"}, AuthenticationError, "status 400: invalid_client."),
        (401, {"error": "x", "error_description": "Wrong client."}, AuthenticationError, ": Wrong client."),
        (400, {"errorMessage": "Provided API key could not be found."}, AuthenticationError, "could not be found."),
        (401, {"error_description": f"{SECRET} is wrong"}, AuthenticationError, "status 401."),
        (403, b"<html>", AuthenticationError, "status 403."),
        (429, b"", RateLimitError, "status 429."),
        (503, b"", InternalServerError, "status 503."),
        (200, {}, BadGatewayError, "no access token"),
        (200, b"[]", BadGatewayError, "no access token"),
        (200, {"access_token": ""}, BadGatewayError, "no access token"),
        (302, b"", BadGatewayError, "no access token"),
    ],
)
def test_no_token(status, body, error, text):
    with pytest.raises(error, match=text) as caught:
        fetch(status, body, basic=("me", SECRET))
    assert SECRET not in str(caught.value)
